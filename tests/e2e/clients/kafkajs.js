#!/usr/bin/env node
// kafkajs: pure JavaScript, its own protocol code. It holds the conversation of session.py.
//
// kafkajs' public consumer always joins a group. Reading at a chosen offset without one goes one step deeper, through
// the same cluster, broker and decoder objects that its consumer fetches with (kafkajs_reader.js).
'use strict'
process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
const readline = require('readline')
const { Kafka, logLevel, CompressionTypes, ConfigResourceTypes } = require('kafkajs')
const { Reader } = require('./kafkajs_reader')

const address = process.argv[2]
const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, connectionTimeout: 5000,
                          retry: { retries: 3 } })
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy,
                 lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }

const encode = bytes => (bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('base64'))
const decode = text => (text === null ? null : Buffer.from(text, 'base64'))

// One connected object of each kind for the whole conversation.
const once = make => {
  let made
  return () => (made = made || make())
}
const producer = once(async () => {
  const p = kafka.producer({ allowAutoTopicCreation: false })
  await p.connect()
  return p
})
const admin = once(async () => {
  const a = kafka.admin()
  await a.connect()
  return a
})

function headersOut(pairs) {
  const grouped = {}
  for (const [name, value] of pairs) (grouped[name] = grouped[name] || []).push(decode(value))
  return grouped
}

function headersIn(headers) {
  return Object.entries(headers || {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map(one => [name, encode(one)]))
}

const verbs = {
  async hello() {
    return { version: require('kafkajs/package.json').version, codecs: Object.keys(codecs) }
  },

  async produce({ topic, codec, records }) {
    const messages = records.map(r => ({
      partition: r.p, key: decode(r.k), value: decode(r.v), headers: headersOut(r.h),
      ...(r.ts === null ? {} : { timestamp: String(r.ts) }),
    }))
    const answer = await (await producer()).send({ topic, acks: -1, compression: codecs[codec], messages })
    const next = new Map(answer.map(part => [part.partition, Number(part.baseOffset)]))
    return records.map(r => {
      const offset = next.get(r.p)
      next.set(r.p, offset + 1)
      return offset
    })
  },

  async consume({ topic, partitions, begin, count, max_wait_ms = 500, timeout_s = 20 }) {
    const reader = new Reader(address)
    try {
      await reader.assign(topic, partitions, begin)
      const got = []
      const deadline = Date.now() + timeout_s * 1000
      while (got.length < count && Date.now() < deadline) {
        for (const m of await reader.fetch(max_wait_ms)) {
          got.push({ p: m.partition, o: Number(m.offset), ts: Number(m.timestamp), k: encode(m.key),
                     v: encode(m.value), h: headersIn(m.headers) })
        }
      }
      return got.slice(0, count)
    } finally {
      await reader.close()
    }
  },

  async create_topic({ topic, partitions, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const made = await (await admin()).createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }] })
    if (!made) throw Object.assign(new Error('the topic exists already'), { code: 36 })   // kafkajs answers false then
    return null
  },

  async describe_topic({ topic }) {
    const found = await (await admin()).fetchTopicMetadata({ topics: [topic] })
    return { partitions: found.topics[0].partitions.length }
  },

  async describe_configs({ topic }) {
    const found = await (await admin()).describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }], includeSynonyms: false })
    return Object.fromEntries(found.resources[0].configEntries.map(e => [e.configName, e.configValue]))
  },

  // kafkajs knows only the older AlterConfigs, which replaces the whole set.
  async replace_configs({ topic, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await (await admin()).alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] })
    return null
  },

  async create_partitions({ topic, total }) {
    await (await admin()).createPartitions({ topicPartitions: [{ topic, count: total }] })
    return null
  },

  async delete_records({ topic, partition, before }) {
    await (await admin()).deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
    return before
  },

  async delete_topic({ topic }) {
    await (await admin()).deleteTopics({ topics: [topic] })
    return null
  },

  async list_offsets({ topic, partition, at }) {
    const a = await admin()
    if (at === 'max_timestamp') throw new Error('unsupported: max_timestamp')
    const rows = typeof at === 'number' ? await a.fetchTopicOffsetsByTimestamp(topic, at) : await a.fetchTopicOffsets(topic)
    const row = rows.find(r => r.partition === partition)
    return Number(typeof at === 'number' ? row.offset : at === 'earliest' ? row.low : row.high)
  },
}

// Errors of a topic or a partition hide below kafkajs' own: the innermost one tells Kafka's code.
function innermost(error) {
  const below = (error.errors && error.errors[0]) || (error.partitions && error.partitions[0].error) || error.cause
  return below ? innermost(below) : error
}

function failure(error) {
  const { name, message, code = null } = innermost(error)
  return { error: `${name}: ${message}`, code }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: verb, ...request } = JSON.parse(line)
    let answer
    try {
      if (!verbs[verb]) throw new Error(`unsupported: ${verb}`)
      answer = { ok: (await verbs[verb](request)) }
    } catch (error) {
      answer = failure(error)
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  process.exit(0)
}

main()
