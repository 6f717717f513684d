package main

import (
	"math"
	"time"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// stripe is every nth of a sequence that is counted from 0: those that belong to this agent.
type stripe struct {
	first, step int
}

func stripeOf(assignment *v1.Assignment) stripe {
	place := assignment.GetPlacement()
	return stripe{int(place.GetAgentIndex()), max(1, int(place.GetAgents()))}
}

// count is how many it has of the first `total`.
func (s stripe) count(total int) int {
	return max(0, (total-s.first+s.step-1)/s.step)
}

// plan gives the instants of the arrivals of a stripe, one after another, as Spacing in run.proto
// has them: where the area under the line reaches s(k).
type plan struct {
	line    *line
	step    int
	poisson bool
	seed    uint64
	index   int     // k of the next arrival
	place   float64 // s(k)
}

func newPlan(line *line, stripe stripe, spacing v1.Spacing, seed uint64) *plan {
	p := &plan{line: line, step: stripe.step, seed: seed, index: -1}
	p.poisson = spacing == v1.Spacing_SPACING_POISSON
	p.advance(stripe.first + 1)
	return p
}

// due is when the next arrival is, since the cycle began; false: none is left, unless the load is
// changed.
func (p *plan) due() (time.Duration, bool) {
	instant, any := p.line.instant(p.place)
	return time.Duration(math.Round(instant * float64(time.Second))), any
}

// take goes on to the next arrival.
func (p *plan) take() {
	p.advance(p.step)
}

func (p *plan) advance(by int) {
	before := p.index
	p.index += by
	if !p.poisson {
		p.place = float64(p.index)
		return
	}
	for i := before + 2; i <= p.index+1; i++ {
		p.place -= math.Log1p(-uniform(p.seed, uint64(i)))
	}
}

// uniform is the i-th number of a seed, from 0 and below 1: SplitMix64.
func uniform(seed, i uint64) float64 {
	z := seed + i*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return float64((z^z>>31)>>11) / (1 << 53)
}

// need is how many users arrivals may need: ten times the rate times the time that an iteration
// takes. While a server stands still, none ends: then the age of those in flight counts.
type need struct {
	average  float64 // nanoseconds
	inFlight int
	starts   time.Duration // the sum of the starts of those in flight
}

const (
	needRoom  = 10
	needLeast = 10
	needNews  = 0.05 // the weight of the newest iteration in the average
)

func (n *need) start(at time.Duration) {
	n.inFlight++
	n.starts += at
}

func (n *need) end(start, at time.Duration) {
	n.inFlight--
	n.starts -= start
	took := float64(at - start)
	if n.average == 0 {
		n.average = took
	}
	n.average += (took - n.average) * needNews
}

func (n *need) users(rate float64, at time.Duration, most int) int {
	took := n.average
	if n.inFlight > 0 {
		took = max(took, float64(at)-float64(n.starts)/float64(n.inFlight))
	}
	return min(most, max(needLeast, int(math.Ceil(needRoom*rate*took/float64(time.Second)))))
}
