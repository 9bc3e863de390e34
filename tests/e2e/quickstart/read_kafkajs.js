#!/usr/bin/env node
// read_kafkajs.js ADDRESS TOPIC PARTITIONS LIKE FILE: as many records as LIKE holds, read by kafkajs, framed into FILE
// with their partition in front.
'use strict'
const fs = require('fs')
const { Reader } = require('../clients/kafkajs_reader')
const { Bar } = require('./bar')
const { RECORD, FIELD, count } = require('./framed')

async function main([address, topic, partitions, like, file]) {
  const expected = fs.readFileSync(like)
  const total = count(expected)
  const bar = new Bar(`kafkajs reads ${topic}`, expected.length, total)
  const out = fs.createWriteStream(file)
  const reader = new Reader(address)
  await reader.assign(topic, [...Array(Number(partitions)).keys()], 'beginning')
  const record = Buffer.from([RECORD])
  const field = Buffer.from([FIELD])
  for (let got = 0; got < total;) {
    const messages = await reader.fetch(500)
    for (const m of messages) {
      const framed = Buffer.concat([Buffer.from(String(m.partition)), field, m.key, field, m.value, record])
      out.write(framed)
      bar.add(framed.length)
    }
    got += messages.length
    if (messages.length === 0) throw new Error(`the log ends after ${got} of ${total} records`)
  }
  await reader.close()
  await new Promise(done => out.end(done))
  bar.finish()
}

main(process.argv.slice(2)).catch(error => {
  console.error(`kafkajs: ${error.message}`)
  process.exit(1)
})
