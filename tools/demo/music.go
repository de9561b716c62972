package main

import (
	"encoding/binary"
	"math"
)

// music returns a scene's sound, 16 bit and mono: its notes one after the other,
// each soft at both ends and ringing on, over a quiet bass. It is as long as the
// clip and begins and ends silent.
func music(s scene) []byte {
	total := s.seconds * sampleRate
	out := make([]byte, 0, 2*total)
	step := float64(s.seconds) / float64(2*len(s.notes))
	for i := range total {
		t := float64(i) / sampleRate
		v := 0.12 * math.Sin(2*math.Pi*s.notes[0]/2*t)
		for n := range 2 * len(s.notes) {
			since := t - float64(n)*step
			if since < 0 {
				break
			}
			v += 0.22 * pluck(s.notes[(n*3)%len(s.notes)], since)
		}
		v *= min(1, t*4, (float64(s.seconds)-t)*4)
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(math.Tanh(v)*28_000)))
	}
	return out
}

// pluck is a tone a time after it was struck: bright at first, then mellow.
func pluck(frequency, since float64) float64 {
	attack := min(1, since*60)
	tone := math.Sin(2*math.Pi*frequency*since) +
		0.4*math.Exp(-4*since)*math.Sin(4*math.Pi*frequency*since) +
		0.15*math.Exp(-8*since)*math.Sin(6*math.Pi*frequency*since)
	return attack * math.Exp(-1.6*since) * tone
}
