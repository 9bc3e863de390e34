#!/usr/bin/env node
// node-rdkafka: librdkafka under Node. It holds the conversation of session.py.
'use strict'
const Kafka = require('node-rdkafka')
const { encode, decode, tell, once, serve, trouble, Positions } = require('./session')

const address = process.argv[2]
const base = { 'bootstrap.servers': address, log_level: 0 }
const connected = client => new Promise((done, failed) => {
  client.on('event.error', () => {})
  client.connect({ timeout: 15000 }, error => (error ? failed(error) : done(client)))
})

const producers = new Map()
function producer(codec) {
  if (!producers.has(codec)) {
    const made = new Kafka.Producer({ ...base, 'compression.codec': codec, 'enable.idempotence': true, 'linger.ms': 20,
                                      'message.timeout.ms': 20000, dr_cb: true })
    made.setPollInterval(10)
    made.on('delivery-report', (error, report) => report.opaque(error, report))
    producers.set(codec, connected(made))
  }
  return producers.get(codec)
}

const headersIn = headers => (headers || []).flatMap(h => Object.entries(h).map(([name, value]) => [name, encode(value)]))

// It is told each batch of messages until `open()` is false or the time is over.
async function pull(consumer, open, take) {
  while (open()) {
    const messages = await new Promise((done, failed) => consumer.consume(200, (e, got) => (e ? failed(e) : done(got))))
    if (messages.length) await take(messages)
  }
}

async function start(consumer, topic, partitions, begin) {
  if (begin.time === undefined) {
    return partitions.map(partition => ({ topic, partition, offset: begin === 'beginning' ? -2 : begin.offset }))
  }
  const asked = partitions.map(partition => ({ topic, partition, offset: begin.time }))
  return new Promise((done, failed) => consumer.offsetsForTimes(asked, 10000, (e, got) => (e ? failed(e) : done(got))))
}

class Member {
  #positions = new Positions()
  #owned = []
  #calls = []
  #left = false

  async join({ group, topics, pattern, protocol, assignor, session_ms, heartbeat_ms, instance, commit = 'each' }) {
    this.commits = commit === 'each'
    const self = this
    const settings = { ...base, 'group.id': group, 'group.protocol': protocol, 'enable.auto.commit': false,
                       'fetch.wait.max.ms': 100, 'reconnect.backoff.ms': 20, 'reconnect.backoff.max.ms': 300,
                       'topic.metadata.refresh.interval.ms': 5000,
                       rebalance_cb(error, list) { self.#rebalance(this, error.code === -175, list) } }
    if (protocol === 'classic') Object.assign(settings, { 'session.timeout.ms': session_ms, 'heartbeat.interval.ms': heartbeat_ms })
    if (assignor) settings[protocol === 'classic' ? 'partition.assignment.strategy' : 'group.remote.assignor'] = assignor
    if (instance) settings['group.instance.id'] = instance
    this.consumer = await connected(new Kafka.KafkaConsumer(settings, { 'auto.offset.reset': 'earliest' }))
    this.consumer.setDefaultConsumeTimeout(100)
    this.consumer.subscribe(pattern ? [new RegExp('^' + pattern)] : topics)
    this.#run()
  }

  #rebalance(consumer, gained, list) {
    const has = ([topic, p]) => list.some(one => one.topic === topic && one.partition === p)
    const incremental = consumer.rebalanceProtocol() === 'COOPERATIVE'
    this.#owned = this.#owned.filter(one => !has(one))
    if (gained) this.#owned = [...(incremental ? this.#owned : []), ...list.map(one => [one.topic, one.partition])]
    this.#positions.own(this.#owned)
    if (incremental) gained ? consumer.incrementalAssign(list) : consumer.incrementalUnassign(list)
    else gained ? consumer.assign(list) : consumer.unassign()
  }

  async #run() {
    while (!this.#left) {
      try {
        await pull(this.consumer, () => !this.#left && !this.#calls.length, messages => this.#take(messages))
      } catch (error) {       // a commit that comes too late, a server that is away: it goes on
        trouble(error)
        await new Promise(done => setTimeout(done, 50))
      }
      for (const call of this.#calls.splice(0)) call()
    }
  }

  #take(messages) {
    tell('got', { r: messages.map(m => [m.topic, m.partition, m.offset, m.value === null ? '' : m.value.toString('latin1')]) })
    for (const m of messages) this.#positions.took(m.topic, m.partition, m.offset + 1)
    if (this.commits) this.#commit('')
  }

  #commit(metadata) {
    const offsets = this.#positions.consumed()
    if (!offsets.length) return offsets
    this.consumer.commitSync(offsets.map(([topic, partition, offset]) => ({ topic, partition, offset, metadata })))
    tell('committed', { o: offsets })
    return offsets
  }

  commit(metadata) {
    return new Promise((done, failed) => this.#calls.push(() => {
      try {
        done(this.#commit(metadata))
      } catch (error) {
        failed(error)
      }
    }))
  }

  leave() {
    return new Promise(done => this.#calls.push(() => {
      this.#left = true
      this.consumer.disconnect(() => {
        this.#positions.own([])
        done()
      })
    }))
  }
}

const member = once(() => new Member())

serve({
  async hello() {
    return { version: require('node-rdkafka/package.json').version, codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
             library: Kafka.librdkafkaVersion, can: ['classic', 'consumer', 'cooperative', 'static'] }
  },

  async produce({ topic, codec, records }) {
    const p = await producer(codec)
    return Promise.all(records.map(r => new Promise((done, failed) => p.produce(
      topic, r.p, decode(r.v), decode(r.k), r.ts === null ? undefined : r.ts,
      (error, report) => (error ? failed(error) : done(report.offset)),
      r.h.map(([name, value]) => ({ [name]: decode(value) }))))))
  },

  async consume({ topic, partitions, begin, count, max_wait_ms = 500, timeout_s = 20 }) {
    let wrong
    const consumer = new Kafka.KafkaConsumer({ ...base, 'group.id': 'unused', 'enable.auto.commit': false,
                                               'fetch.wait.max.ms': max_wait_ms }, { 'auto.offset.reset': 'error' })
    consumer.on('event.error', error => { wrong = error })
    await connected(consumer)
    consumer.setDefaultConsumeTimeout(100)
    const got = []
    try {
      consumer.assign(await start(consumer, topic, partitions, begin))
      const deadline = Date.now() + timeout_s * 1000
      await pull(consumer, () => got.length < count && !wrong && Date.now() < deadline, messages => {
        for (const m of messages) {
          got.push({ p: m.partition, o: m.offset, ts: m.timestamp, k: encode(m.key), v: encode(m.value), h: headersIn(m.headers) })
        }
      })
    } finally {
      consumer.disconnect()
    }
    if (wrong) throw wrong
    return got.slice(0, count)
  },

  join: request => member().join(request),
  commit: ({ metadata = '' }) => member().commit(metadata),
  leave: () => member().leave(),
}, error => ({ error: `${error.name}: ${error.message}`, code: error.code ?? null }))
