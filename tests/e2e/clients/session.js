// The conversation of session.py for the clients in Node: one JSON object a line in, one out.
'use strict'
const readline = require('readline')

const encode = bytes => (bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('base64'))
const decode = text => (text === null ? null : Buffer.from(text, 'base64'))

const say = what => process.stdout.write(JSON.stringify(what) + '\n')
const tell = (event, more) => say({ ev: event, at: Date.now(), ...more })

// One connected object of each kind for the whole conversation.
const once = make => {
  let made
  return () => (made = made || make())
}

// verbs: name -> async function of the arguments. failure(error) -> {error, code}.
async function serve(verbs, failure) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: verb, ...request } = JSON.parse(line)
    try {
      if (!verbs[verb]) throw new Error(`unsupported: ${verb}`)
      say({ ok: (await verbs[verb](request)) ?? null })
    } catch (error) {
      say(failure(error))
    }
  }
  process.exit(0)
}

// What a member owns and how far it has consumed.
class Positions {
  #at = new Map()           // "topic partition" -> next offset, or null: owned, nothing consumed yet

  own(places) {             // [[topic, partition], ..]: all it has now
    const now = new Map(places.map(([topic, p]) => [`${topic} ${p}`, this.#at.get(`${topic} ${p}`) ?? null]))
    if (now.size === this.#at.size && [...now.keys()].every(key => this.#at.has(key))) return
    this.#at = now
    tell('owned', { parts: places })
  }

  // The member had nothing for a moment: what it consumed then is not its own any more.
  forget() {
    this.own([])
  }

  took(topic, partition, next) {
    if (this.#at.has(`${topic} ${partition}`)) this.#at.set(`${topic} ${partition}`, next)
  }

  consumed() {              // [[topic, partition, next], ..]
    return [...this.#at].filter(([, next]) => next !== null).map(([key, next]) => {
      const [topic, p] = key.split(' ')
      return [topic, Number(p), next]
    })
  }
}

const trouble = error => tell('trouble', { text: `${error.name}: ${error.message}` })

module.exports = { encode, decode, say, tell, once, serve, trouble, Positions }
