"""What the tests of video recipes check in the same way for each family."""

from recipe_requests import FRAME, check_repeated, repeated, sample

SMALL = (112, 64)  # nearly the aspect of the frame, in multiples of 16
STEPS = 2


def default_call(method, name, **options):
    """(recipe, arguments) of the call for the stored frame, without loading a network."""
    built = method(name, **options)
    arguments = built.arguments.of([sample(3)], ["open drawer"])
    assert arguments["generator"].initial_seed() == 3
    assert arguments["output_type"] == "np"
    return built.recipe.name, arguments


def check_call(method, name, recipe, size, **expected):
    """Check the default call: the frame as stored, the size, and the `expected` arguments."""
    chosen, arguments = default_call(method, name)
    assert chosen == recipe
    assert (arguments["width"], arguments["height"]) == size
    assert arguments["image"].size == FRAME
    assert arguments["prompt"] == "open drawer"
    assert {name: arguments[name] for name in expected} == expected


def small_run(calls, name, *, size=SMALL, frames=5, steps=STEPS, **options):
    """What reached the networks in a small run of `repeated()`, whose images are checked.

    The frame must have reached the autoencoder once per sample, at the size of the call.
    """
    given = {"steps": steps} if steps else {}
    outputs, recorded = calls(
        name, *repeated(), width=size[0], height=size[1], num_frames=frames, **given, **options
    )
    check_repeated(outputs)
    assert set(recorded.encoded) == {size}
    return recorded
