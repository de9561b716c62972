package main

import "math"

// The scenes below are sums of simple shapes, without noise: each is drawn in under a minute.

// kaleidoscope turns a few waves in eight mirrors.
func kaleidoscope(x, y, phase float64) colour {
	r, angle := math.Hypot(x, y), math.Atan2(y, x)+tau*phase/8
	angle = math.Abs(math.Mod(angle+8*tau, tau/8) - tau/16)
	u, v := r*math.Cos(angle), r*math.Sin(angle)
	a := math.Sin(9*u + 3*math.Sin(tau*phase) + 2*math.Sin(7*v))
	b := math.Sin(11*v + 2*math.Cos(tau*phase) + 3*math.Sin(5*u))
	d := math.Sin(6*(u+v) - tau*phase)
	c := colour{0.5 + 0.5*a, 0.35 + 0.35*math.Sin(2*b+1), 0.55 + 0.45*d}
	return mix(colour{0.05, 0.02, 0.12}, c, smooth(2.1, 0.2, r))
}

// tunnel flies along rings of light.
func tunnel(x, y, phase float64) colour {
	x += 0.15 * math.Sin(tau*phase)
	y += 0.2 * math.Cos(tau*phase)
	r, angle := math.Hypot(x, y)+0.001, math.Atan2(y, x)
	depth := 0.6/r + 6*phase // six rings pass in a clip
	ring := smooth(0.32, 0.02, math.Abs(math.Mod(depth, 1)-0.5))
	spoke := smooth(0.75, 1, math.Cos(12*angle+math.Sin(tau*phase)*2))
	near := smooth(0, 0.7, r)
	hue := math.Floor(math.Mod(depth, 6)) / 6
	c := colour{0.5 + 0.5*math.Cos(tau*hue), 0.5 + 0.5*math.Cos(tau*(hue+0.33)), 0.5 + 0.5*math.Cos(tau*(hue+0.67))}
	return add(scale(c, near*(0.85*ring+0.25*spoke)), scale(colour{0.1, 0.05, 0.2}, near))
}

// planet turns a striped world with a moon.
func planet(x, y, phase float64) colour {
	c := add(colour{0.01, 0.01, 0.04}, scale(colour{1, 1, 1}, twinkle(x, y, phase)))
	r := math.Hypot(x, y-0.1) / 0.72
	if r < 1 {
		z := math.Sqrt(1 - r*r)
		lat, lon := (y-0.1)/0.72+0.25*x, math.Atan2(x/0.72, z)+tau*phase
		band := math.Sin(9*lat+0.35*math.Sin(3*lon)) + 0.4*math.Sin(23*lat+0.3*math.Sin(5*lon))
		world := mix(colour{0.93, 0.72, 0.5}, colour{0.55, 0.28, 0.24}, smooth(-1, 1, band))
		spot := math.Hypot((lat-0.35)*2.4, math.Sin((lon-2)/2)*2.2)
		world = mix(colour{0.85, 0.3, 0.2}, world, smooth(0.25, 0.42, spot))
		light := smooth(-0.25, 0.9, 0.6*z-0.7*x-0.3*(y-0.1))
		c = mix(c, scale(world, 0.08+0.95*light), smooth(1, 0.985, r))
	}
	c = add(c, scale(colour{0.9, 0.5, 0.3}, 0.18*math.Exp(-6*math.Abs(r-1))))
	mx, my := 0.95*math.Sin(tau*phase), -0.75+0.12*math.Cos(tau*phase)
	if d := math.Hypot(x-mx, y-my) / 0.1; d < 1 {
		c = scale(colour{0.85, 0.86, 0.9}, 0.15+0.85*smooth(-0.8, 0.8, -(x-mx)/0.1))
	}
	return c
}
