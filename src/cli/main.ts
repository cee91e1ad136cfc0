#!/usr/bin/env node
/** The command `isthmus`. What a command does is loaded when it is asked for, so that `--help` and completion cost little. */
import { runCommandLine } from './run-command-line.ts'
import { processTerminal } from './terminal.ts'

process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal)
