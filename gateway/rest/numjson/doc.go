// Package numjson writes protobuf messages as the JSON that clients of the
// /douyin API expect, which is not protojson: 64-bit integers are numbers,
// every field is there under its proto name, lists are [] and absent messages
// null.
//
// It knows what the public API uses: booleans, integers, strings, messages and
// lists of these. Any other field is refused when the encoder is compiled, at
// start, so that writing itself cannot fail half way through an answer.
package numjson
