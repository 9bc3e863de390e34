// Records in a file: key, 0x1f, value, 0x1e. Values hold line breaks, so lines will not do.
'use strict'
const fs = require('fs')

const RECORD = 0x1e
const FIELD = 0x1f

// The records of a buffer, each as the text between two separators.
function split(bytes) {
  const out = []
  for (let at = 0, end; at < bytes.length; at = end + 1) {
    end = bytes.indexOf(RECORD, at)
    if (end < 0) throw new Error('the last record is not ended')
    out.push(bytes.toString('latin1', at, end))     // one character a byte: exact
  }
  return out
}

const read = path => split(fs.readFileSync(path))

function count(bytes) {
  let n = 0
  for (let at = bytes.indexOf(RECORD); at >= 0; at = bytes.indexOf(RECORD, at + 1)) n++
  return n
}

module.exports = { RECORD, FIELD, read, count }
