"""What functional tests share: Salt's real loader, and no daemon."""

import pytest
import salt.utils.event


@pytest.fixture(autouse=True, scope="session")
def no_event_bus():
    """
    Say at once that no daemon takes events: its socket does not exist here.

    Salt looks for it for a whole second of CPU time at each event, and comes to the same answer.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(salt.utils.event.SaltEvent, "connect_pull", lambda *_args, **_more: False)
        yield
