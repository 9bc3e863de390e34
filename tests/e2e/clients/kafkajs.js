#!/usr/bin/env node
// kafkajs: pure JavaScript, its own protocol code. It holds the conversation of session.py. Its consumer always joins a
// group: to read from a chosen place it joins one of its own and seeks (kafkajs_reader.js).
'use strict'
process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
const { Kafka, logLevel, CompressionTypes, ConfigResourceTypes } = require('kafkajs')
const groups = require('./kafkajs_groups')
const { read } = require('./kafkajs_reader')
const { encode, decode, once, serve } = require('./session')

const address = process.argv[2]
const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, connectionTimeout: 5000,
                          retry: { retries: 3 } })
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy,
                 lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }

const producer = once(async () => {
  const p = kafka.producer({ allowAutoTopicCreation: false })
  await p.connect()
  return p
})
// A new one for each call: a kafkajs client goes on asking for every topic it has met, also when that is deleted.
const admin = new Proxy({}, {
  get: (_, name) => async (...args) => {
    const a = kafka.admin()
    await a.connect()
    try {
      return await a[name](...args)
    } finally {
      await a.disconnect()
    }
  },
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
  ...groups.verbs(kafka, admin),

  async hello() {
    return { version: require('kafkajs/package.json').version, codecs: Object.keys(codecs), can: groups.can }
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
    const got = []
    const where = { topic, partitions, begin, maxWaitMs: max_wait_ms, timeoutMs: timeout_s * 1000 }
    const consumer = await read(kafka, admin, where, (partition, messages) => {
      for (const m of messages) {
        got.push({ p: partition, o: Number(m.offset), ts: Number(m.timestamp), k: encode(m.key), v: encode(m.value),
                   h: headersIn(m.headers) })
      }
      return got.length < count
    })
    consumer.disconnect().catch(() => {})     // a fetch may be waiting at the server: not waited for
    return got.slice(0, count)
  },

  async create_topic({ topic, partitions, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const made = await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }] })
    if (!made) throw Object.assign(new Error('the topic exists already'), { code: 36 })   // kafkajs answers false then
    return null
  },

  async describe_topic({ topic }) {
    const found = await admin.fetchTopicMetadata({ topics: [topic] })
    return { partitions: found.topics[0].partitions.length }
  },

  async describe_configs({ topic }) {
    const found = await admin.describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }], includeSynonyms: false })
    return Object.fromEntries(found.resources[0].configEntries.map(e => [e.configName, e.configValue]))
  },

  // kafkajs knows only the older AlterConfigs, which replaces the whole set.
  async replace_configs({ topic, configs }) {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] })
    return null
  },

  async create_partitions({ topic, total }) {
    await admin.createPartitions({ topicPartitions: [{ topic, count: total }] })
    return null
  },

  async delete_records({ topic, partition, before }) {
    const a = kafka.admin()
    await a.connect()
    try {
      await a.fetchTopicOffsets(topic)      // or it does not know where the partition is
      await a.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
    } finally {
      await a.disconnect()
    }
    return before
  },

  async delete_topic({ topic }) {
    await admin.deleteTopics({ topics: [topic] })
    return null
  },

  async list_offsets({ topic, partition, at }) {
    if (at === 'max_timestamp') throw new Error('unsupported: max_timestamp')
    const rows = typeof at === 'number' ? await admin.fetchTopicOffsetsByTimestamp(topic, at) : await admin.fetchTopicOffsets(topic)
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

serve(verbs, failure)
