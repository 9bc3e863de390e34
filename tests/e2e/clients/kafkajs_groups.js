// kafkajs in groups: its own classic protocol; groups through its admin.
'use strict'
const { tell, trouble, Positions } = require('./session')

const can = ['topics', 'replaces', 'classic', 'groups', 'describe', 'offsets', 'reset', 'delete']

class Member {
  #positions = new Positions()

  async join(kafka, { group, topics, session_ms, heartbeat_ms, commit = 'each' }) {
    this.commits = commit === 'each'
    this.consumer = kafka.consumer({ groupId: group, sessionTimeout: session_ms, heartbeatInterval: heartbeat_ms,
                                     rebalanceTimeout: 10000, maxWaitTimeInMs: 100, metadataMaxAge: 5000,
                                     allowAutoTopicCreation: false, retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 1000 } })
    const { GROUP_JOIN, REBALANCING, CRASH, STOP } = this.consumer.events
    this.consumer.on(GROUP_JOIN, ({ payload }) => {
      this.#positions.forget()
      this.#positions.own(Object.entries(payload.memberAssignment).flatMap(([topic, ps]) => ps.map(p => [topic, p])))
    })
    for (const event of [REBALANCING, CRASH, STOP]) {
      this.consumer.on(event, ({ payload }) => {
        this.#positions.forget()
        if (payload && payload.error) trouble(payload.error)
      })
    }
    await this.consumer.connect()
    await this.consumer.subscribe({ topics, fromBeginning: true })
    await this.consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: batch => this.#take(batch) })
  }

  async #take({ batch, resolveOffset, heartbeat, isStale, isRunning }) {
    if (isStale() || !isRunning()) return
    const { topic, partition, messages } = batch
    tell('got', { r: messages.map(m => [topic, partition, Number(m.offset), m.value === null ? '' : m.value.toString('latin1')]) })
    const last = messages[messages.length - 1]
    this.#positions.took(topic, partition, Number(last.offset) + 1)
    resolveOffset(last.offset)
    if (this.commits) {
      await this.#commit([[topic, partition, Number(last.offset) + 1]], '').catch(trouble)
    }
    await heartbeat()
  }

  async #commit(offsets, metadata) {
    await this.consumer.commitOffsets(offsets.map(([topic, partition, next]) => ({ topic, partition, offset: String(next), metadata })))
    if (offsets.length) tell('committed', { o: offsets })
    return offsets
  }

  commit(metadata) {
    return this.#commit(this.#positions.consumed(), metadata)
  }

  async leave() {
    await this.consumer.disconnect()
    this.#positions.forget()
  }
}

function verbs(kafka, admin) {
  const member = new Member()
  return {
    join: request => member.join(kafka, request),
    commit: ({ metadata = '' }) => member.commit(metadata),
    leave: () => member.leave(),

    async groups() {
      return (await admin.listGroups()).groups.map(g => g.groupId)
    },

    async describe_group({ group }) {
      const found = (await admin.describeGroups([group])).groups[0]
      return { state: found.state.toLowerCase(), members: found.members.length }
    },

    async delete_group({ group }) {
      await admin.deleteGroups([group])
    },

    async offsets({ group, topic, partitions }) {
      const found = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      return found[0].partitions.filter(p => partitions.includes(p.partition))
        .map(p => [p.partition, Number(p.offset), p.metadata || ''])
    },

    async reset_offsets({ group, topic, offsets }) {
      await admin.setOffsets({ groupId: group, topic,
                                         partitions: offsets.map(([partition, offset]) => ({ partition, offset: String(offset) })) })
    },
  }
}

module.exports = { can, verbs }
