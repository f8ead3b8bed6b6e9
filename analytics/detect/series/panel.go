package series

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// MaxChannels is the most channels of a Panel.
const MaxChannels = 64

// Panel scores the channels of one logger side by side: a row is as unusual as its most unusual
// channel, with P multiplied by the number of channels (Bonferroni), so that more channels do not
// alarm more often however they depend on each other.
type Panel struct {
	channels []*Scorer
	set      Settings
	rows     int64
	alarmed  int64 // row of the last alarm, 0 for none
}

// PanelResult is what a row got.
type PanelResult struct {
	Result
	Channel int // the most unusual one, where Score is above 0 or P below 1
}

// NewPanel starts a scorer for each channel, 1 to MaxChannels of them.
func NewPanel(s Settings, channels int) (*Panel, error) {
	if channels < 1 || channels > MaxChannels {
		return nil, ErrSettings
	}
	p := &Panel{set: s}
	for range channels {
		c, err := New(s)
		if err != nil {
			return nil, err
		}
		p.channels = append(p.channels, c)
	}
	return p, nil
}

// Observe takes the next row. A value that is not a number is missing: its channel observes
// nothing. An infinite one is ErrValue, and so is a row of another width; nothing was observed then.
func (p *Panel) Observe(at ledger.Millis, values []float64) (PanelResult, error) {
	best := PanelResult{Result: Result{P: 1}}
	if len(values) != len(p.channels) {
		return best, ErrValue
	}
	for _, v := range values {
		if v < -largest || v > largest {
			return best, ErrValue
		}
	}
	p.rows++
	var score float64
	for i, v := range values {
		if v != v { // not a number
			continue
		}
		r, err := p.channels[i].Observe(at, v)
		if err != nil {
			return best, err
		}
		if r.P < best.P || r.P == best.P && r.Score > best.Score {
			best = PanelResult{r, i}
		}
		score = max(score, r.Score)
	}
	n := float64(len(values))
	best.P, best.Score = min(1, float64(n*best.P)), score
	best.Alarm = false
	if best.P <= p.set.AlarmP && (p.alarmed == 0 || p.rows-p.alarmed >= int64(p.set.Refractory)) {
		best.Alarm, p.alarmed = true, p.rows
	}
	return best, nil
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
}
