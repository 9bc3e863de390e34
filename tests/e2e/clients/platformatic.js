#!/usr/bin/env node
// @platformatic/kafka: pure JavaScript, its own protocol code, streams. It holds the conversation of session.py.
'use strict'
const { Admin, Consumer, Producer } = require('@platformatic/kafka')
const { encode, decode, tell, once, serve, trouble, Positions } = require('./session')

const base = { clientId: 'imago-e2e', bootstrapBrokers: [process.argv[2]], retries: 5, connectTimeout: 5000 }
const producer = once(() => new Producer({ ...base, idempotent: true }))
const admin = once(() => new Admin(base))

const headersOut = pairs => new Map(pairs.map(([name, value]) => [Buffer.from(name), decode(value)]))
const headersIn = headers => [...(headers || [])].map(([name, value]) => [name.toString(), encode(value)])

class Member {
  #positions = new Positions()
  #pending = []

  async join({ group, topics, protocol, assignor, session_ms, heartbeat_ms, instance, commit = 'each' }) {
    this.commits = commit === 'each'
    const timing = protocol === 'classic'
      ? { sessionTimeout: session_ms, heartbeatInterval: heartbeat_ms, rebalanceTimeout: 10000 }
      : { groupProtocol: 'consumer', ...(assignor ? { groupRemoteAssignor: assignor } : {}) }
    this.consumer = new Consumer({ ...base, groupId: group, retries: 1000, retryDelay: 100, metadataMaxAge: 5000,
                                   ...(instance ? { groupInstanceId: instance } : {}), ...timing })
    this.consumer.on('error', trouble)
    this.stream = await this.consumer.consume({ topics, mode: 'committed', fallbackMode: 'earliest', autocommit: false,
                                                maxWaitTime: 100 })
    this.stream.on('error', trouble)
    this.stream.on('data', message => {
      if (this.#pending.push(message) === 1) setImmediate(() => this.#take())
    })
    // It tells of new members, not of what it owns in the consumer protocol: looked up.
    this.watch = setInterval(() => this.#look(), 20)
    this.#look()
  }

  #look() {
    this.#positions.own((this.consumer.assignments || []).flatMap(({ topic, partitions }) => partitions.map(p => [topic, p])))
  }

  async #take() {
    const messages = this.#pending.splice(0)
    this.#look()
    tell('got', { r: messages.map(m => [m.topic, m.partition, Number(m.offset), m.value ? m.value.toString('latin1') : '']) })
    for (const m of messages) this.#positions.took(m.topic, m.partition, Number(m.offset) + 1)
    if (this.commits) await this.commit().catch(trouble)
  }

  async commit() {
    const offsets = this.#positions.consumed()
    if (!offsets.length) return offsets
    await this.consumer.commit({ offsets: offsets.map(([topic, partition, next]) =>
      ({ topic, partition, offset: BigInt(next), leaderEpoch: -1 })) })
    tell('committed', { o: offsets })
    return offsets
  }

  async leave() {
    clearInterval(this.watch)
    await this.stream.close()
    await this.consumer.close(true)
    this.#positions.own([])
  }
}

const member = once(() => new Member())

// Kafka's number of the innermost error that has one.
function number(error) {
  for (const below of [error, ...(error.errors || []), error.cause].filter(Boolean)) {
    if (typeof below.apiCode === 'number') return below.apiCode
    const found = below === error ? null : number(below)
    if (found !== null) return found
  }
  return null
}

serve({
  async hello() {
    return { version: require('@platformatic/kafka').version ?? require('fs').readFileSync(
      require.resolve('@platformatic/kafka').replace(/dist.*/, 'package.json'), 'utf8').match(/"version": "([^"]+)"/)[1],
    codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    can: ['classic', 'consumer', 'groups', 'describe', 'offsets', 'reset', 'delete'] }
  },

  async produce({ topic, codec, records }) {
    const messages = records.map(r => ({ topic, partition: r.p, key: decode(r.k), value: decode(r.v), headers: headersOut(r.h),
                                         ...(r.ts === null ? {} : { timestamp: BigInt(r.ts) }) }))
    const { offsets } = await producer().send({ messages, compression: codec, acks: -1 })
    const next = new Map(offsets.map(o => [o.partition, Number(o.offset)]))
    return records.map(r => {
      const offset = next.get(r.p)
      next.set(r.p, offset + 1)
      return offset
    })
  },

  async consume({ topic, partitions, begin, count, max_wait_ms = 500, timeout_s = 20 }) {
    const consumer = new Consumer({ ...base, groupId: `reader-${process.pid}-${Date.now()}`, sessionTimeout: 30000 })
    const timestamp = begin === 'beginning' ? -2n : BigInt(begin.time ?? 0)
    let from
    if (begin.offset !== undefined) {
      from = partitions.map(() => BigInt(begin.offset))
    } else {
      const found = (await consumer.listOffsets({ topics: [topic], partitions: { [topic]: partitions }, timestamp })).get(topic)
      from = partitions.map((p, i) => found[p] ?? found[i])
    }
    // Its consumer joins a group; the partitions that are not asked for are left aside.
    const all = (await admin().metadata({ topics: [topic] })).topics.get(topic).partitions.map((_, p) => p)
    const offsets = all.map(p => ({ topic, partition: p, offset: partitions.includes(p) ? from[partitions.indexOf(p)] : 0n }))
    const stream = await consumer.consume({ topics: [topic], mode: 'manual', offsets, autocommit: false, maxWaitTime: max_wait_ms })
    const got = []
    await new Promise((done, failed) => {
      const limit = setTimeout(done, timeout_s * 1000)
      stream.on('error', error => { clearTimeout(limit); failed(error) })
      stream.on('data', m => {
        if (!partitions.includes(m.partition)) return
        got.push({ p: m.partition, o: Number(m.offset), ts: Number(m.timestamp), k: encode(m.key), v: encode(m.value),
                   h: headersIn(m.headers) })
        if (got.length === count) { clearTimeout(limit); done() }
      })
    }).finally(() => consumer.close(true).catch(() => {}))
    return got.slice(0, count)
  },

  join: request => member().join(request),
  commit: () => member().commit(),
  leave: () => member().leave(),

  async groups() {
    return [...(await admin().listGroups()).keys()]
  },

  async describe_group({ group }) {
    const found = (await admin().describeGroups({ groups: [group] })).get(group)
    return { state: found.state.toLowerCase(), members: found.members.size }
  },

  async delete_group({ group }) {
    await admin().deleteGroups({ groups: [group] })
  },

  async offsets({ group, topic, partitions }) {
    const found = await admin().listConsumerGroupOffsets({ groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: partitions }] }] })
    return found[0].topics[0].partitions.map(p => [p.partitionIndex, Number(p.committedOffset), p.metadata || ''])
  },

  async reset_offsets({ group, topic, offsets }) {
    await admin().alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic,
      partitionOffsets: offsets.map(([partition, offset]) => ({ partition, offset: BigInt(offset) })) }] })
  },
}, error => ({ error: `${error.name}: ${error.message}`, code: number(error) }))
