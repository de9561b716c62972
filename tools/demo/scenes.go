package main

import "math"

const tau = 2 * math.Pi

// scenes are the clips.
var scenes = []scene{
	{"sea", 8, sea, []float64{220, 277.2, 329.6, 415.3}},
	{"northern-lights", 10, northernLights, []float64{174.6, 220, 261.6, 329.6, 392}},
	{"lava", 8, lava, []float64{146.8, 174.6, 220, 293.7}},
	{"kaleidoscope", 8, kaleidoscope, []float64{261.6, 311.1, 392, 466.2}},
	{"tunnel", 6, tunnel, []float64{130.8, 155.6, 196, 233.1}},
	{"planet", 10, planet, []float64{164.8, 207.7, 246.9, 311.1, 370}},
}

func sea(x, y, phase float64) colour {
	const horizon = 0.15
	sun := colour{1, 0.78, 0.42}
	sky := mix(colour{0.16, 0.13, 0.36}, colour{0.98, 0.5, 0.32}, smooth(-1.8, horizon, y))
	glow := math.Exp(-2.2 * math.Hypot(x-0.1, y-horizon+0.35))
	if y < horizon {
		disc := smooth(0.27, 0.25, math.Hypot(x-0.1, y-horizon+0.35))
		cloud := smooth(0.52, 0.8, fbm(x*1.4+math.Sin(tau*phase)*0.06, y*4, 3))
		c := add(sky, scale(sun, glow*0.7))
		c = mix(c, colour{1, 0.93, 0.75}, disc)
		return mix(c, colour{0.55, 0.3, 0.42}, cloud*0.55)
	}
	depth := y - horizon
	wave := 0.0
	for i := 1.0; i <= 5; i++ {
		wave += math.Sin(tau*(i*phase)+x*(3+2*i)/(0.25+depth)+i*i*7+depth*(30/i)) / i
	}
	path := math.Exp(-math.Pow((x-0.1)/(0.1+depth*0.35), 2)) * (0.35 + 0.65*smooth(0.2, 1.6, wave))
	water := mix(colour{0.75, 0.36, 0.34}, colour{0.05, 0.08, 0.22}, smooth(0, 1.3, depth))
	return add(add(water, scale(sun, path)), scale(colour{0.5, 0.35, 0.4}, 0.12*wave*smooth(0, 0.3, depth)))
}

func northernLights(x, y, phase float64) colour {
	sky := mix(colour{0.01, 0.02, 0.07}, colour{0.04, 0.1, 0.17}, smooth(-1.8, 1, y))
	sky = add(sky, scale(colour{1, 1, 1}, twinkle(x, y, phase)))
	light := colour{}
	for i := range 3 {
		k := float64(i)
		drift := math.Sin(tau*phase+k*2.1) * 0.25
		edge := 0.35 + 0.25*math.Sin(x*2.2+k*1.9+drift*3) + 0.3*(fbm(x*1.5+k*9+drift, k, 3)-0.5)
		above := edge - y - k*0.35
		ray := 0.55 + 0.45*math.Sin(x*34+k*13+6*fbm(x*3, k+drift*2, 2)+tau*phase)
		strength := smooth(0, 0.06, above) * math.Exp(-above*1.5) * ray
		light = add(light, scale(mix(colour{0.15, 1, 0.55}, colour{0.55, 0.25, 0.95}, smooth(0.1, 1.2, above)), strength*0.75))
	}
	c := add(sky, light)
	ridge := 0.95 + 0.22*(fbm(x*1.6+3, 1, 4)-0.5) - 0.12*math.Cos(x*2)
	return mix(c, scale(colour{0.02, 0.05, 0.07}, 1+0.5*(y-ridge)), smooth(ridge-0.01, ridge+0.01, y))
}

func lava(x, y, phase float64) colour {
	field := 0.0
	for i := range 9 {
		k := float64(i)
		cx := 0.55 * math.Sin(k*2.4+tau*phase*float64(1+i%2))
		cy := 1.45 * math.Sin(k*1.3+tau*phase*float64(1+i%3)*0.999+k)
		if i%3 != 2 {
			cy = 1.45 * math.Sin(k*1.3+tau*phase)
		}
		r := 0.2 + 0.07*math.Sin(k*5)
		field += r * r / ((x-cx)*(x-cx) + (y-cy)*(y-cy) + 0.002)
	}
	field += math.Exp((y-1.75)*5)*2 + math.Exp((-y-1.75)*5)*2
	glass := mix(colour{0.22, 0.03, 0.3}, colour{0.02, 0.02, 0.16}, smooth(-1.8, 1.8, y))
	wax := mix(colour{1, 0.2, 0.32}, colour{1, 0.75, 0.25}, smooth(1.8, -1.6, y))
	return add(mix(glass, mix(wax, colour{1, 0.95, 0.8}, smooth(1.6, 5, field)*0.6), smooth(0.93, 1.07, field)), scale(wax, 0.28*math.Exp(-2*math.Max(0, 1-field))))
}
