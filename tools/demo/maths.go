package main

import "math"

func add(a, b colour) colour { return colour{a[0] + b[0], a[1] + b[1], a[2] + b[2]} }

func scale(c colour, by float64) colour { return colour{c[0] * by, c[1] * by, c[2] * by} }

// mix is a at 0 and b at 1.
func mix(a, b colour, at float64) colour { return add(scale(a, 1-at), scale(b, at)) }

// smooth rises from 0 to 1 between two values, or falls where the first is the
// larger one.
func smooth(from, to, v float64) float64 {
	t := min(max((v-from)/(to-from), 0), 1)
	return t * t * (3 - 2*t)
}

// hash is a number from 0 to 1 that looks random and is always the same.
func hash(x, y float64) float64 {
	v := math.Sin(x*127.1+y*311.7) * 43_758.5453
	return v - math.Floor(v)
}

// noise is smooth and between 0 and 1.
func noise(x, y float64) float64 {
	ix, iy := math.Floor(x), math.Floor(y)
	fx, fy := smooth(0, 1, x-ix), smooth(0, 1, y-iy)
	top := hash(ix, iy)*(1-fx) + hash(ix+1, iy)*fx
	bottom := hash(ix, iy+1)*(1-fx) + hash(ix+1, iy+1)*fx
	return top*(1-fy) + bottom*fy
}

// fbm is noise of several sizes, between 0 and 1.
func fbm(x, y float64, sizes int) float64 {
	sum, weight, total := 0.0, 0.5, 0.0
	for range sizes {
		sum += weight * noise(x, y)
		total += weight
		x, y, weight = x*2.03+17, y*2.03+31, weight/2
	}
	return sum / total
}

// twinkle is how bright the small stars of a sky are at a point.
func twinkle(x, y, phase float64) float64 {
	const size = 16
	cx, cy := math.Floor(x*size), math.Floor(y*size)
	if hash(cx, cy) < 0.75 {
		return 0
	}
	d := math.Hypot(x*size-cx-0.5, y*size-cy-0.5)
	return smooth(0.09, 0.02, d) * (0.6 + 0.4*math.Sin(tau*(phase*2+hash(cx, cy+5))))
}
