package series

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// MaxChannels is the most channels of a Panel.
const MaxChannels = 64

// Panel scores the channels of one logger: each by itself, and two to eight of them together. A row
// is as unusual as the most unusual of these say, with P multiplied by how many speak (Bonferroni),
// so that more channels do not alarm more often however they depend on each other.
type Panel struct {
	channels []*Scorer
	together *together // nil: of one channel or more than eight there is nothing to say together
	set      Settings
	rows     int64
	alarmed  int64 // row of the last alarm, 0 for none

	contributions []Contribution // of the last row; not part of the state
}

// PanelResult is what a row got.
type PanelResult struct {
	// Result is that of the most unusual channel, or of the channels together, with the row's own
	// Score, P and Alarm.
	Result
	// Channel is the most unusual one, where Score is above 0 or P below 1. Where the channels do
	// not fit each other, it is the one that adds the most to it.
	Channel int
	// Together is -ln of the probability of what the channels are together, 0 where they fit each other.
	Together float64
}

// Detector is a part of the scorer that speaks of a row.
type Detector string

// The detectors.
const (
	DetectorShape    Detector = "shape"
	DetectorSeason   Detector = "season"
	DetectorTogether Detector = "together"
)

// Contribution is what one channel added to a row's Score by one detector. The contributions of a row
// sum to its Score, to rounding. Of the channels together one may be below zero: it takes away from
// what the others say.
type Contribution struct {
	Channel  int
	Detector Detector
	Share    float64
}

// NewPanel starts a scorer for each channel, 1 to MaxChannels of them.
func NewPanel(s Settings, channels int) (*Panel, error) {
	if channels < 1 || channels > MaxChannels {
		return nil, ErrSettings
	}
	p := &Panel{set: s, contributions: make([]Contribution, 0, max(2, min(channels, mostTogether)))}
	for range channels {
		c, err := New(s)
		if err != nil {
			return nil, err
		}
		p.channels = append(p.channels, c)
	}
	if channels >= 2 && channels <= mostTogether && !s.NoTogether {
		p.together = newTogether(s, channels)
	}
	return p, nil
}

// Observe takes the next row. A value that is not a number is missing: its channel observes
// nothing. An infinite one is ErrValue, and so is a row of another width; nothing was observed then.
func (p *Panel) Observe(at ledger.Millis, values []float64) (PanelResult, error) {
	best := PanelResult{Result: Result{P: 1}}
	p.contributions = p.contributions[:0]
	if len(values) != len(p.channels) {
		return best, ErrValue
	}
	for _, v := range values {
		if v < -largest || v > largest {
			return best, ErrValue
		}
	}
	p.rows++
	var scored PanelResult // of the largest score
	complete := p.together != nil
	for i, v := range values {
		if v != v { // not a number
			complete = false
			continue
		}
		r, err := p.channels[i].Observe(at, v)
		if err != nil {
			return best, err
		}
		if r.P < best.P || r.P == best.P && r.Score > best.Score {
			best = PanelResult{Result: r, Channel: i}
		}
		if r.Score > scored.Score {
			scored = PanelResult{Result: r, Channel: i}
		}
		complete = complete && p.channels[i].seen >= int64(p.set.Warmup)
	}
	voices := float64(len(values))
	var apart bool
	var unlikely float64
	if complete {
		var score float64
		var channel int
		unlikely, score, channel = p.observeTogether(values)
		voices += p.together.voices()
		if probable := coldchain.Exp(-unlikely); unlikely > 0 && probable < best.P {
			best = PanelResult{Result: Result{P: probable, Score: score, Reason: Apart}, Channel: channel}
		}
		if apart = score > scored.Score; apart {
			scored.Score = score
		}
	}
	best.Together = unlikely
	p.contribute(scored, apart)
	best.P, best.Score = min(1, float64(voices*best.P)), scored.Score
	best.Alarm = false
	if best.P <= p.set.AlarmP && (p.alarmed == 0 || p.rows-p.alarmed >= int64(p.set.Refractory)) {
		best.Alarm, p.alarmed = true, p.rows
	}
	return best, nil
}

func (p *Panel) observeTogether(values []float64) (unlikely, score float64, channel int) {
	for i, v := range values {
		p.together.values[i] = p.channels[i].normal(v)
	}
	return p.together.observe(p.channels[0].alarm)
}

// contribute parts the score of a row among what it rests on.
func (p *Panel) contribute(r PanelResult, apart bool) {
	switch {
	case r.Score == 0:
	case apart:
		var sum float64
		for _, v := range p.together.parts {
			sum += v
		}
		for i, v := range p.together.parts {
			p.contributions = append(p.contributions, Contribution{i, DetectorTogether, float64(r.Score*v) / sum})
		}
	default:
		shape := float64(r.Score*r.Shape) / (r.Shape + r.Season)
		if r.Shape > 0 {
			p.contributions = append(p.contributions, Contribution{r.Channel, DetectorShape, shape})
		}
		if r.Season > 0 {
			p.contributions = append(p.contributions, Contribution{r.Channel, DetectorSeason, r.Score - shape})
		}
	}
}

// Contributions tells what the Score of the last row rests on, to be read before the next one. It is
// empty where the Score is 0.
func (p *Panel) Contributions() []Contribution { return p.contributions }

// Bytes is how much memory the panel holds, but for about a kilobyte a channel.
func (p *Panel) Bytes() int {
	var n int
	for _, c := range p.channels {
		n += c.Bytes()
	}
	if g := p.together; g != nil {
		n += 8 * (7*g.channels + 4*g.channels*g.channels + cap(g.t2.max) + cap(g.t2.top) + cap(g.q.max) + cap(g.q.top))
	}
	return n
}

// Code writes or reads the state; restore into a panel of the same settings and channels.
func (p *Panel) Code(c *canon.Coder) {
	if n := c.Len(len(p.channels), MaxChannels); n != len(p.channels) {
		c.Fail("%d channels, here are %d", n, len(p.channels))
		return
	}
	canon.Int(c, &p.rows)
	canon.Int(c, &p.alarmed)
	for _, s := range p.channels {
		s.Code(c)
	}
	if p.together != nil {
		p.together.code(c)
	}
	p.contributions = p.contributions[:0]
}
