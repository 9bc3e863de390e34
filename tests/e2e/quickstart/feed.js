#!/usr/bin/env node
// feed.js LABEL FILE COMMAND..: runs the command with the file as its input, with a progress bar.
'use strict'
const fs = require('fs')
const { spawn } = require('child_process')
const { Bar } = require('./bar')
const { count } = require('./framed')

const [label, file, command, ...args] = process.argv.slice(2)
const bytes = fs.readFileSync(file)
const bar = new Bar(label, bytes.length, count(bytes))
const child = spawn(command, args, { stdio: ['pipe', 'inherit', 'inherit'] })
child.stdin.on('error', () => {})        // the command ended early: its exit status tells
child.on('error', error => {
  console.error(`${command}: ${error.message}`)
  process.exit(1)
})
child.on('close', code => {
  if (code === 0) bar.finish()
  process.exit(code === 0 ? 0 : 1)
})

const piece = 64 << 10
function push(at) {
  if (at >= bytes.length) return child.stdin.end()
  const part = bytes.subarray(at, at + piece)
  child.stdin.write(part, () => {
    bar.add(part.length)
    push(at + piece)
  })
}
push(0)
