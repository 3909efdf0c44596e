"""Every command, in the order of --help."""

from robustscope.commands import analyze, evaluate, noise, run, sample, search, study, train, verify
from robustscope.commands.command import Command

COMMANDS: dict[str, Command] = {
    module.COMMAND.name: module.COMMAND
    for module in (run, train, sample, evaluate, study, search, noise, analyze, verify)
}
