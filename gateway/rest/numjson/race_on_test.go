//go:build race

package numjson_test

// raceDetector drops pooled buffers at random, so allocations cannot be counted.
const raceDetector = true
