// A progress bar on a terminal; without one, a single line at the end.
'use strict'

class Bar {
  constructor(label, totalBytes, totalRecords) {
    Object.assign(this, { label, totalBytes, totalRecords, done: 0, began: process.hrtime.bigint(), drawn: 0 })
  }

  seconds() {
    return Number(process.hrtime.bigint() - this.began) / 1e9
  }

  line() {
    const share = Math.min(1, this.done / this.totalBytes)
    const width = 24
    const filled = Math.round(width * share)
    const rate = this.done / 1e6 / Math.max(this.seconds(), 1e-3)
    return `  ${this.label.padEnd(28)} [${'='.repeat(filled)}${' '.repeat(width - filled)}] ` +
      `${String(Math.floor(100 * share)).padStart(3)} %  ${rate.toFixed(1).padStart(6)} MB/s`
  }

  add(bytes) {
    this.done += bytes
    if (!process.stderr.isTTY || Date.now() - this.drawn < 100) return
    this.drawn = Date.now()
    process.stderr.write('\r' + this.line())
  }

  // The last line: rates over the whole run, the program's start and end included.
  finish() {
    const perSecond = Math.round(this.totalRecords / this.seconds())
    const text = `${this.line()}  ${perSecond.toLocaleString('en')} records/s  ${this.seconds().toFixed(1)} s`
    process.stderr.write((process.stderr.isTTY ? '\r' : '') + text + '\n')
  }
}

module.exports = { Bar }
