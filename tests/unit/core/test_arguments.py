"""Arguments that a runner does not take: all of what is wrong at once, and how it is called."""

from inspect import signature

import pytest
from picloud.arguments import faults


def adopt(node, card=None): ...


def status(): ...


@pytest.mark.parametrize(
    ("function", "values", "named", "said"),
    [
        (adopt, ["pi3"], {}, ""),
        (adopt, ["pi3", "card-1"], {}, ""),
        (adopt, ["pi3"], {"card": "card-1"}, ""),
        (adopt, [], {"node": "pi3"}, ""),
        (status, [], {}, ""),
        (adopt, [], {}, "It needs node."),
        (adopt, [], {"card": "card-1"}, "It needs node."),
        (adopt, ["pi3"], {"crad": 1}, 'x.y has no argument "crad", did you mean "card"?'),
        (adopt, ["pi3"], {"colour": 1}, 'x.y has no argument "colour".'),
        (adopt, [1, 2, 3], {}, "x.y takes 2 arguments at most, 3 were given."),
        (adopt, ["pi3"], {"node": "pi4"}, "It was given node twice."),
        (
            adopt,
            [],
            {"nod": 1, "colour": 2},
            'x.y has no argument "nod", did you mean "node"? x.y has no argument "colour". '
            "It needs node.",
        ),
    ],
)
def test_what_is_wrong_with_the_arguments(function, values, named, said):
    usage = "\nUsage: salt-run x.y node=<node> [card=<card>]" if said else ""
    assert faults("x.y", signature(function), values, named) == said + usage


def test_a_function_without_arguments_says_so():
    said = faults("x.y", signature(status), ["pi3"], {})
    assert said == "x.y takes 0 arguments at most, 1 were given.\nUsage: salt-run x.y"
