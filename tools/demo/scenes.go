package main

import "math"

const tau = 2 * math.Pi

// scenes are the clips, the first one last in the feed.
var scenes = []scene{
	{"sea", 8, sea, []float64{220, 277.2, 329.6, 415.3}},
	{"northern-lights", 10, northernLights, []float64{174.6, 220, 261.6, 329.6, 392}},
	{"lava", 8, lava, []float64{146.8, 174.6, 220, 293.7}},
	{"stars", 8, stars, []float64{196, 246.9, 293.7, 370}},
	{"kaleidoscope", 8, kaleidoscope, []float64{261.6, 311.1, 392, 466.2}},
	{"dunes", 10, dunes, []float64{164.8, 196, 246.9, 329.6, 293.7}},
	{"rain", 8, rain, []float64{233.1, 277.2, 349.2, 415.3}},
	{"paper", 8, paper, []float64{293.7, 370, 440, 554.4}},
	{"snow", 10, snow, []float64{329.6, 392, 493.9, 587.3, 440}},
	{"night-train", 8, nightTrain, []float64{130.8, 196, 233.1, 311.1}},
	{"ink", 10, ink, []float64{207.7, 261.6, 311.1, 392}},
	{"fireworks", 8, fireworks, []float64{261.6, 329.6, 392, 523.3}},
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

func stars(x, y, phase float64) colour {
	angle, r := math.Atan2(y, x), math.Hypot(x, y)+0.02
	c := scale(colour{0.1, 0.12, 0.32}, 0.8*fbm(math.Cos(angle)*2+phaseX(phase), math.Sin(angle)*2+1/r*0.2, 3))
	for layer := range 4 {
		k := float64(layer)
		lanes := 40 + 26*k
		lane := math.Floor((angle/tau + 0.5) * lanes)
		offset := hash(lane, k)
		travel := math.Mod(phase*(1+math.Floor(hash(lane, k+9)*2))+offset, 1)
		at := math.Pow(travel, 2.2) * 2.1
		across := math.Abs(math.Mod((angle/tau+0.5)*lanes, 1)-0.5) / lanes * tau * r
		along := (r - at) / (0.02 + at*0.16)
		bright := math.Exp(-across*across*90_000/(1+at*9)) * math.Exp(-along*along*4) * smooth(0, 0.25, travel)
		c = add(c, scale(mix(colour{0.6, 0.75, 1}, colour{1, 0.85, 0.7}, hash(lane, k+4)), bright*1.3))
	}
	return add(c, scale(colour{0.5, 0.6, 1}, 0.07/r*0.5))
}

func kaleidoscope(x, y, phase float64) colour {
	angle, r := math.Atan2(y, x)+tau*phase/6, math.Hypot(x, y)
	const parts = 6
	angle = math.Abs(math.Mod(angle+tau*2, tau/parts) - tau/parts/2)
	px, py := r*math.Cos(angle), r*math.Sin(angle)
	a := math.Sin(6*px+tau*phase) + math.Sin(9*py-tau*phase) + math.Sin(7*(px+py)+2*math.Sin(tau*phase))
	b := math.Sin(5*px-3*py-tau*phase) + math.Sin(11*r-2*tau*phase)
	hue := 0.55 + 0.14*a + 0.08*b
	line := math.Exp(-30 * a * a)
	return add(scale(rainbow(hue), 0.55+0.3*math.Sin(b*1.5)), scale(colour{1, 0.95, 0.85}, line*0.5))
}

func dunes(x, y, phase float64) colour {
	c := mix(colour{0.97, 0.66, 0.42}, colour{0.34, 0.22, 0.44}, smooth(0.3, -1.8, y))
	moon := math.Hypot(x+0.35, y+1.05)
	c = mix(c, colour{1, 0.94, 0.84}, smooth(0.2, 0.19, moon))
	c = add(c, scale(colour{1, 0.8, 0.6}, 0.25*math.Exp(-3*moon)))
	for i := range 5 {
		k := float64(i)
		shift := tau * phase
		crest := -0.05 + 0.36*k + 0.22*math.Sin(x*(1.1+0.25*k)+k*2.3+0.25*math.Sin(shift)) + 0.07*math.Sin(x*3+k*5+shift)
		if y < crest {
			continue
		}
		depth := y - crest
		sand := mix(colour{0.86, 0.5, 0.36}, colour{0.22, 0.1, 0.2}, k/5)
		shade := 0.75 + 0.35*math.Exp(-depth*5) + 0.04*math.Sin(depth*90+x*14+shift*2+k)
		c = scale(sand, shade)
	}
	return c
}

func rain(x, y, phase float64) colour {
	wob := 0.02 * math.Sin(y*9+x*5+tau*phase)
	c := mix(colour{0.04, 0.06, 0.13}, colour{0.1, 0.07, 0.14}, smooth(-1.6, 1.6, y))
	for i := range 26 {
		k := float64(i)
		cx, cy := hash(k, 1)*2.4-1.2, hash(k, 2)*3.4-1.7
		r := 0.1 + 0.16*hash(k, 3)
		d := math.Hypot(x+wob-cx, y-cy)
		pulse := 0.65 + 0.35*math.Sin(tau*(phase*(1+math.Floor(hash(k, 5)*2))+hash(k, 4)))
		c = add(c, scale(rainbow(0.02+0.13*hash(k, 6)+0.5*math.Floor(hash(k, 7)*1.3)), pulse*0.32*(smooth(r, r-0.03, d)+0.35*smooth(r-0.03, r, d)*smooth(r+0.01, r, d))))
	}
	const cols = 13
	col := math.Floor((x + 1) * cols / 2)
	fall := math.Mod(phase*(1+math.Floor(hash(col, 21)*2))+hash(col, 20), 1)
	dropX := (col+0.3+0.4*hash(col, 22))*2/cols - 1
	dropY := fall*4.4 - 2.2
	dx, dy := (x-dropX)*26, (y-dropY)*15
	drop := math.Exp(-(dx*dx + dy*dy*smoothSide(dy)))
	trail := math.Exp(-dx*dx*3) * smooth(0, -0.1, y-dropY) * math.Exp((y-dropY)*1.3)
	return add(c, scale(colour{0.75, 0.85, 1}, 0.6*drop+0.14*trail))
}

func paper(x, y, phase float64) colour {
	c := colour{0.99, 0.93, 0.82}
	for i := range 8 {
		k := float64(i)
		turn := tau*phase + k*0.7
		edge := -1.35 + 0.4*k + 0.16*math.Sin(x*(2+0.3*k)+turn) + 0.09*math.Sin(x*5-turn+k)
		if y < edge-0.09 {
			continue
		}
		if y < edge { // the shadow that the sheet casts on the one behind it
			c = scale(c, 1-0.3*smooth(edge-0.09, edge, y))
			continue
		}
		c = mix(rainbow(0.92-0.055*k), colour{0.12, 0.1, 0.3}, k/11)
		c = scale(c, 1.03-0.18*smooth(0, 0.5, y-edge))
	}
	return c
}

func snow(x, y, phase float64) colour {
	c := mix(colour{0.16, 0.25, 0.42}, colour{0.72, 0.8, 0.9}, smooth(-1.8, 1, y))
	for i := range 4 {
		k := float64(i)
		ground := 0.35 + 0.34*k + 0.16*math.Sin(x*1.6+k*2.7)
		wood := mix(colour{0.45, 0.56, 0.68}, colour{0.05, 0.12, 0.17}, (k+1)/4)
		c = mix(c, firs(x, y, ground, k, wood, c), 1)
		if y > ground {
			c = mix(mix(colour{0.78, 0.85, 0.94}, colour{0.95, 0.97, 1}, k/3), wood, 0.12)
		}
	}
	for layer := range 4 {
		k := float64(layer)
		size := 9 - 1.7*k
		sway := 0.06 * math.Sin(tau*phase+k*2+y)
		px, py := (x+sway)*size, y*size-phase*math.Round(4+size*0.4)*4
		cx, cy := math.Floor(px), math.Floor(py)
		wrapped := math.Mod(cy+4000, math.Round(4+size*0.4)*4)
		dx, dy := px-cx-0.2-0.6*hash(cx+k*31, wrapped), py-cy-0.2-0.6*hash(cx+k*31+7, wrapped)
		c = mix(c, colour{1, 1, 1}, 0.85*smooth(0.13, 0.05, math.Hypot(dx, dy))*(0.4+0.2*k))
	}
	return c
}

// firs are the trees of a row that stands on the ground.
func firs(x, y, ground, row float64, wood, behind colour) colour {
	spread := 0.12 + 0.05*row
	nearest := behind
	slot := math.Floor(x / spread)
	for s := slot - 1; s <= slot+1; s++ {
		tall := (0.22 + 0.26*hash(s, row+3)) * (0.6 + 0.35*row)
		root := (s + 0.5 + 0.3*(hash(s, row)-0.5)) * spread
		up := (ground + 0.03 - y) / tall
		if up < 0 || up > 1 {
			continue
		}
		branch := (1 - up) * (0.75 + 0.25*math.Mod(up*5+10, 1)) * spread * 0.75
		if math.Abs(x-root) < branch {
			nearest = scale(wood, 0.9+0.2*up)
		}
	}
	return nearest
}

func nightTrain(x, y, phase float64) colour {
	c := mix(colour{0.02, 0.02, 0.08}, colour{0.16, 0.08, 0.22}, smooth(-1.7, 0.9, y))
	c = add(c, scale(colour{1, 1, 1}, 0.7*twinkle(x, y*1.1-0.2, phase)*smooth(0, -0.8, y)))
	for i := range 4 {
		k := float64(i)
		blocks := math.Round(14 - 3*k)
		px := (x+1)/2*blocks*0.5 + phase*blocks
		block := math.Mod(math.Floor(px), blocks)
		roof := 0.55 - (0.35+0.75*hash(block, k+40))*(0.45+0.2*k) + 0.25
		if y < roof || y > 1.05 {
			continue
		}
		wall := scale(colour{0.09, 0.08, 0.16}, 1-0.2*k)
		wx, wy := math.Mod(px, 1)*5, (y+3)*(11-1.5*k)
		lit := hash(math.Floor(wx)+block*17, math.Floor(wy)+k*5) > 0.62
		inside := math.Abs(math.Mod(wx, 1)-0.5) < 0.28 && math.Abs(math.Mod(wy, 1)-0.5) < 0.3
		c = wall
		if lit && inside {
			c = scale(mix(colour{1, 0.78, 0.4}, colour{0.6, 0.8, 1}, math.Floor(hash(block, math.Floor(wy))*1.4)), 0.45+0.15*k)
		}
	}
	if y > 1.05 { // the river mirrors the city
		mirror := nightTrain(x+0.02*math.Sin(y*60+tau*phase*2), 2.1-y, phase)
		return scale(mirror, 0.42*smooth(1.85, 1.05, y))
	}
	return c
}

func ink(x, y, phase float64) colour {
	t := tau * phase
	qx := fbm(x*1.2+0.35*math.Sin(t), y*1.2+0.35*math.Cos(t), 4)
	qy := fbm(x*1.2+5.2+0.3*math.Cos(t), y*1.2+1.3, 4)
	v := fbm(x*1.2+2.6*qx, y*1.2+2.6*qy+0.2*math.Sin(t), 4)
	c := mix(colour{0.98, 0.96, 0.92}, colour{0.08, 0.35, 0.55}, smooth(0.38, 0.62, v))
	c = mix(c, colour{0.9, 0.22, 0.36}, smooth(0.5, 0.72, qx)*0.85)
	c = mix(c, colour{0.06, 0.06, 0.2}, smooth(0.6, 0.75, v))
	return mix(c, colour{0.98, 0.75, 0.3}, smooth(0.6, 0.72, qy)*0.6)
}

func fireworks(x, y, phase float64) colour {
	c := mix(colour{0.01, 0.01, 0.06}, colour{0.1, 0.05, 0.18}, smooth(-1.5, 1.8, y))
	for i := range 7 {
		k := float64(i)
		age := math.Mod(phase*2+k/7*2, 2) - 0.25
		if age < 0 || age > 1.2 {
			continue
		}
		cx, cy := hash(k, 61)*1.3-0.65, hash(k, 62)*1.5-1.3
		reach := 0.72 * (1 - math.Exp(-3*age))
		fade := math.Exp(-2.4*age) * 1.6
		dx, dy := x-cx, y-cy-0.28*age*age
		angle, r := math.Atan2(dy, dx), math.Hypot(dx, dy)
		const rays = 26
		ray := math.Abs(math.Mod((angle/tau+0.5)*rays, 1)-0.5) / rays * tau * r
		spark := math.Floor((angle/tau + 0.5) * rays)
		end := reach * (0.72 + 0.28*hash(spark, k))
		head := math.Exp(-math.Pow((r-end)*26, 2)) * math.Exp(-ray*ray*5000)
		tail := smooth(end, end*0.5, r) * smooth(end*0.3, end*0.7, r) * math.Exp(-ray*ray*12_000) * 0.5
		hue := rainbow(hash(k, 63))
		c = add(c, scale(mix(hue, colour{1, 1, 1}, 0.35*head), (head*1.7+tail)*fade))
		c = add(c, scale(hue, 0.07*fade*math.Exp(-2*r)))
	}
	if y > 1.35 {
		return add(scale(fireworks(x+0.03*math.Sin(y*50+tau*phase*2), 2.7-y, phase), 0.35), colour{0.01, 0.01, 0.03})
	}
	return c
}
