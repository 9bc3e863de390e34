#!/usr/bin/env node
// read_kafkajs.js ADDRESS TOPIC MEMBERS LIKE FILE: as many records as LIKE holds, read by so many kafkajs consumers in one
// group, framed into FILE with their partition in front. Says who had which partitions and how many records.
'use strict'
process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
const fs = require('fs')
const { Kafka, logLevel } = require('kafkajs')
const { Bar } = require('./bar')
const { RECORD, FIELD, count } = require('./framed')

const record = Buffer.from([RECORD])
const field = Buffer.from([FIELD])

class Member {
  constructor(kafka, name, groupId, topic, take) {
    Object.assign(this, { name, topic, take, records: 0, partitions: [] })
    this.consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 500, heartbeatInterval: 200, sessionTimeout: 30000 })
    this.consumer.on(this.consumer.events.REBALANCING, () => { this.partitions = [] })
    this.consumer.on(this.consumer.events.GROUP_JOIN, ({ payload }) => {
      this.partitions = payload.memberAssignment[topic] || []
    })
  }

  async join(failed) {
    this.consumer.on(this.consumer.events.CRASH, ({ payload }) => { if (!payload.restart) failed(payload.error) })
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: [this.topic], fromBeginning: true })
    // Nothing is taken before all members are there and have their share: each record then comes to one of them, once.
    await this.consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat, isStale }) => {
        if (isStale() || !this.open) return new Promise(done => setTimeout(done, 50))
        this.records += batch.messages.length
        this.take(batch.partition, batch.messages)
        resolveOffset(batch.lastOffset())
        await heartbeat()
      },
    })
  }
}

// Resolves when the members have all partitions, no partition twice.
async function shared(members, partitions) {
  for (let tries = 0; tries < 600; tries++) {
    const all = members.flatMap(m => m.partitions)
    if (all.length === partitions && new Set(all).size === partitions && members.every(m => m.partitions.length)) return
    await new Promise(done => setTimeout(done, 50))
  }
  throw new Error(`the group does not share the queues: ${members.map(m => `${m.name} has [${m.partitions}]`).join(', ')}`)
}

async function main([address, topic, wanted, like, file]) {
  const expected = fs.readFileSync(like)
  const total = count(expected)
  const bar = new Bar(`kafkajs reads ${topic}`, expected.length, total)
  const out = fs.createWriteStream(file)
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const partitions = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length
  await admin.disconnect()

  let got = 0
  let all
  const done = new Promise((resolve, failed) => { all = { resolve, failed } })
  const take = (partition, messages) => {
    for (const m of messages) {
      const framed = Buffer.concat([Buffer.from(String(partition)), field, m.key, field, m.value, record])
      out.write(framed)
      bar.add(framed.length)
    }
    got += messages.length
    if (got >= total) all.resolve()
  }
  const members = [...Array(Number(wanted)).keys()].map(i =>
    new Member(kafka, `member ${i + 1}`, `quickstart-${topic}`, topic, take))
  await Promise.all(members.map(m => m.join(all.failed)))
  await shared(members, partitions)
  for (const m of members) m.open = true
  await done
  const shares = members.map(m => `${m.name} had ${m.records} records of queues ${[...m.partitions].sort((a, b) => a - b).join(' ')}`)
  await Promise.all(members.map(m => m.consumer.disconnect()))
  await new Promise(closed => out.end(closed))
  bar.finish()
  for (const share of shares) console.log(`  ${share}`)
}

main(process.argv.slice(2)).then(() => process.exit(0), error => {
  console.error(`kafkajs: ${error.message}`)
  process.exit(1)
})
