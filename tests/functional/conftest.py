"""What functional tests share: Salt's real loader, and no daemon."""

import pytest
import salt.config
import salt.loader
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


@pytest.fixture
def master(repo, tmp_path):
    """Make the options of a master for a folder with a description; more of them by name."""

    def make(cloud, **more):
        (tmp_path / "pillar").mkdir()
        (tmp_path / "pillar" / "top.sls").write_text("base: {}\n")
        (tmp_path / "master").write_text("")
        config = salt.config.master_config(str(tmp_path / "master"))
        config.update(
            root_dir=str(tmp_path),
            cachedir=str(tmp_path / "cache"),
            pki_dir=str(tmp_path / "pki"),
            sock_dir=str(tmp_path / "sock"),
            module_dirs=[str(repo)],
            pillar_dirs=[str(repo / "_pillar")],
            pillar_roots={"base": [str(tmp_path / "pillar")]},
            file_roots={"base": [str(tmp_path / "pillar")]},
            ext_pillar=[{"picloud": {"path": str(cloud)}}],
            picloud_database=f"sqlite:///{tmp_path}/ledger.db",
            user="root",
            __role="master",
        )
        config.update(more)
        return config

    return make


@pytest.fixture
def salt_run(opts):
    """Run a function as ``salt-run`` does, with a file's ``opts``; what it says, and its status."""

    def ask(function, *args, **kwargs):
        context = {}
        said = salt.loader.runner(opts, context=context)[function](*args, **kwargs)
        return said, context.get("retcode", 0)

    return ask
