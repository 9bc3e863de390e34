#!/usr/bin/env node
// collect.js LABEL FILE LIKE COMMAND..: keeps the command's output in FILE, with a progress bar to the size of LIKE.
'use strict'
const fs = require('fs')
const { spawn } = require('child_process')
const { Bar } = require('./bar')
const { count } = require('./framed')

const [label, file, like, command, ...args] = process.argv.slice(2)
const expected = fs.readFileSync(like)
const bar = new Bar(label, expected.length, count(expected))
const out = fs.createWriteStream(file)
const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
child.on('error', error => {
  console.error(`${command}: ${error.message}`)
  process.exit(1)
})
child.stdout.on('data', part => bar.add(part.length))
child.stdout.pipe(out)
child.on('close', code => out.end(() => {
  if (code === 0) bar.finish()
  process.exit(code === 0 ? 0 : 1)
}))
