#!/usr/bin/env node
// compare.js SENT GOT: every record that was sent was got once, byte for byte, and each queue kept the order of sending.
// SENT is framed key, value; GOT is framed partition, key, value.
'use strict'
const { read, FIELD } = require('./framed')

const field = String.fromCharCode(FIELD)
const [sentPath, gotPath] = process.argv.slice(2)
const sent = read(sentPath)
const places = new Map()           // text -> places where it was sent, in order
sent.forEach((text, i) => places.has(text) ? places.get(text).push(i) : places.set(text, [i]))

const last = new Map()             // partition -> place of its last record
let bytes = 0
let problem = null
const got = read(gotPath)
for (const line of got) {
  const cut = line.indexOf(field)
  const partition = line.slice(0, cut)
  const text = line.slice(cut + 1)
  const from = places.get(text)
  if (!from || from.length === 0) {
    problem = `queue ${partition} holds a record that was not sent, or not as often: ${JSON.stringify(text.slice(0, 80))}`
    break
  }
  const place = from.shift()
  if (place < (last.has(partition) ? last.get(partition) : -1)) {
    problem = `queue ${partition} is out of order at ${JSON.stringify(text.slice(0, 80))}`
    break
  }
  last.set(partition, place)
  bytes += text.length - 1         // without the separator
}
if (!problem && got.length !== sent.length) problem = `${got.length} records instead of ${sent.length}`
if (problem) {
  console.error(`  DIFFERENT: ${problem}`)
  process.exit(1)
}
console.log(`  equal byte for byte: ${got.length.toLocaleString('en')} records, ` +
            `${(bytes / 1e6).toFixed(1)} MB, ${last.size} queues in order`)
