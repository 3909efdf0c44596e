"""Every command, in the order of --help."""

from robustscope.commands import analyze, noise, plan, run, sample, search, study, train, verify
from robustscope.commands.command import Command

COMMANDS: dict[str, Command] = {
    module.COMMAND.name: module.COMMAND
    for module in (run, plan, train, sample, study, search, noise, analyze, verify)
}
