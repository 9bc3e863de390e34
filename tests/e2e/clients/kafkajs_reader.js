// Reads partitions from chosen offsets with kafkajs' consumer: a group of its own, that commits nothing, and seek().
'use strict'
require('./kafkajs_codecs')

// What kafkajs' admin finds for each partition: begin is "beginning", {offset} or {time}.
async function starts(admin, topic, partitions, begin) {
  if (begin.offset !== undefined) return new Map(partitions.map(p => [p, String(begin.offset)]))
  const rows = begin === 'beginning' ? await admin.fetchTopicOffsets(topic)
    : await admin.fetchTopicOffsetsByTimestamp(topic, begin.time)
  return new Map(rows.filter(row => partitions.includes(row.partition))
    .map(row => [row.partition, begin === 'beginning' ? row.low : row.offset]))
}

// Calls take(partition, messages) with what comes, until it returns false. Resolves then, or when the time is over.
async function read(kafka, admin, { topic, partitions, begin, maxWaitMs, timeoutMs }, take) {
  const from = await starts(admin, topic, partitions, begin)
  const groupId = `reader-${process.pid}-${Date.now()}-${Math.random()}`
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: maxWaitMs, allowAutoTopicCreation: false,
                                    sessionTimeout: 30000, maxBytes: 32 << 20, maxBytesPerPartition: 8 << 20 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise((done, failed) => {
    const limit = setTimeout(done, timeoutMs)
    const end = ending => {
      clearTimeout(limit)
      ending()
    }
    let open = true
    consumer.on(consumer.events.CRASH, ({ payload }) => end(() => failed(payload.error)))
    consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, isStale, heartbeat }) => {
        if (!open || isStale() || !from.has(batch.partition)) return
        open = take(batch.partition, batch.messages)
        resolveOffset(batch.lastOffset())
        if (!open) end(done)
        await heartbeat()
      },
    }).then(() => {
      for (const [partition, offset] of from) consumer.seek({ topic, partition, offset })
    }, failed)
  })
  return consumer
}

module.exports = { read }
