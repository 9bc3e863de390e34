// Reads partitions at chosen offsets with kafkajs' own cluster and broker objects.
'use strict'
const { logLevel } = require('kafkajs')
const Cluster = require('kafkajs/src/cluster')
const createSocketFactory = require('kafkajs/src/network/socketFactory')
const { createLogger } = require('kafkajs/src/loggers')
const consoleLogger = require('kafkajs/src/loggers/console')
require('./kafkajs_codecs')

class Reader {
  constructor(address) {
    this.cluster = new Cluster({
      brokers: [address], clientId: 'imago-e2e',
      logger: createLogger({ level: logLevel.NOTHING, logCreator: consoleLogger }),
      socketFactory: createSocketFactory(), connectionTimeout: 5000, authenticationTimeout: 5000,
      reauthenticationThreshold: 10000, requestTimeout: 30000, enforceRequestTimeout: true, metadataMaxAge: 300000,
      retry: { retries: 3 }, allowAutoTopicCreation: false, maxInFlightRequests: null, isolationLevel: 0,
    })
  }

  // begin: "beginning", {offset} or {time}; a time later than every record means the end.
  async assign(topic, partitions, begin) {
    this.topic = topic
    await this.cluster.connect()
    await this.cluster.addTargetTopic(topic)
    const leaders = this.cluster.findLeaderForPartitions(topic, partitions)
    this.broker = await this.cluster.findBroker({ nodeId: Object.keys(leaders)[0] })
    this.next = new Map(partitions.map(p => [p, begin.offset]))
    if (begin.offset !== undefined) return
    const find = async time => (await this.cluster.fetchTopicsOffset([
      { topic, partitions: partitions.map(partition => ({ partition })), fromTimestamp: time },
    ]))[0].partitions
    for (const { partition, offset } of await find(begin === 'beginning' ? -2 : begin.time)) {
      this.next.set(partition, Number(offset))
    }
    for (const { partition, offset } of await find(-1)) {
      if (this.next.get(partition) === -1) this.next.set(partition, Number(offset))
    }
  }

  // One fetch request; the records of each partition in order, from the asked offset on.
  async fetch(maxWaitTime) {
    const partitions = [...this.next].map(([partition, fetchOffset]) =>
      ({ partition, fetchOffset: String(fetchOffset), maxBytes: 8 << 20 }))
    const { responses } = await this.broker.fetch({
      replicaId: -1, isolationLevel: 0, maxWaitTime, minBytes: 1, maxBytes: 32 << 20,
      topics: [{ topic: this.topic, partitions }],
    })
    const got = []
    for (const part of responses.flatMap(r => r.partitions)) {
      for (const message of part.messages) {
        if (message.isControlRecord || Number(message.offset) < this.next.get(part.partition)) continue
        got.push({ partition: part.partition, ...message })
        this.next.set(part.partition, Number(message.offset) + 1)
      }
    }
    return got
  }

  close() {
    return this.cluster.disconnect()
  }
}

module.exports = { Reader }
