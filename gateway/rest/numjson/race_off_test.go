//go:build !race

package numjson_test

const raceDetector = false
