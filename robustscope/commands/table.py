"""Every command, in the order of --help."""

from robustscope.commands import (
    analyze,
    diff,
    evaluate,
    merge,
    noise,
    plan,
    repair,
    run,
    sample,
    search,
    status,
    study,
    train,
    verify,
)
from robustscope.commands.command import Command

COMMANDS: dict[str, Command] = {
    module.COMMAND.name: module.COMMAND
    for module in (
        run,
        plan,
        train,
        sample,
        evaluate,
        study,
        search,
        status,
        noise,
        analyze,
        diff,
        merge,
        repair,
        verify,
    )
}
