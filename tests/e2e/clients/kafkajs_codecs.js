// Teaches kafkajs the codecs that it leaves to plug-ins, all in JavaScript or WebAssembly: nothing to compile.
'use strict'
const { CompressionTypes, CompressionCodecs } = require('kafkajs')
const lz4 = require('lz4js')
const xxh32 = require('lz4js/xxh32')
const zstd = require('@bokuweb/zstd-wasm')

// lz4js cuts a frame into blocks that stand alone, but does not say so; Kafka refuses frames without the flag.
function independentBlocks(frame) {
  const flag = 4, sum = 6
  frame[flag] |= 0x20
  frame[sum] = xxh32.hash(0, frame, flag, sum - flag) >> 8
  return frame
}

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => Buffer.from(independentBlocks(lz4.compress(encoder.buffer))),
  decompress: async buffer => Buffer.from(lz4.decompress(buffer)),
})

const ready = zstd.init()
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => ready.then(() => Buffer.from(zstd.compress(encoder.buffer))),
  decompress: async buffer => ready.then(() => Buffer.from(zstd.decompress(buffer))),
})
