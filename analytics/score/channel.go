package score

import (
	"strings"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/detect/series"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// channel follows one quantity of a device: how unlike its own past is each step of it? A step is
// the mean of the readings in it, so that a logger of a reading a second costs no more than one of a
// reading a minute, and of a shock the largest, which a mean would hide.
type channel struct {
	quantity ledger.Quantity
	step     int64 // number of the step being gathered
	sum      int64
	largest  int32
	count    int64
	scorer   *series.Scorer
	// energy is nil of the temperature, which has its own, and of shock, light and doors: these are nothing nearly
	// always and much for moments, so that their spread tells how often a reading met one.
	energy *detect.Energy

	worst   float64 // least P so far, 1 where nothing stood out
	worstAt ledger.Millis
	value   int64 // of that step
	reason  series.Reason

	seen    ledger.Millis // of the latest reading that level rests on
	level   float64       // of light and doors, smoothed over half an hour
	highest float64       // level, or single shock, in thousandths
	highAt  ledger.Millis
}

const (
	// levelOver is the time constant of a level, and levelStep the longest that a reading stands for in it.
	levelOver, levelStep = 30 * 60_000, 15 * 60_000
	// The highest that are alarms if nothing calibrates them, in thousandths: 25 g, 200 lux and half the time open.
	highShock, highLight, highDoor = 25_000, 200_000, 500
)

// leastP is below every P that a scorer gives and a number whose logarithm is one.
const leastP = 1e-307

func newChannel(p *Parameters, q ledger.Quantity) *channel {
	scorer, err := series.New(p.Series.Settings())
	if err != nil {
		panic(err) // a model's settings were checked
	}
	c := &channel{scorer: scorer, worst: 1}
	c.of(p, q)
	return c
}

func (c *channel) of(p *Parameters, q ledger.Quantity) {
	c.quantity, c.energy = q, nil
	if q == ledger.RelativeHumidity {
		c.energy = detect.NewEnergy(p.Other)
	}
}

// channel finds a device's quantity; nil for one that no ledger knows.
func (e *Engine) channel(s *instrument, q ledger.Quantity) *channel {
	for _, c := range s.channels {
		if c.quantity == q {
			return c
		}
	}
	if q < ledger.Temperature || q > ledger.Door || len(s.channels) == maxChannels {
		return nil
	}
	c := newChannel(&e.model.p, q)
	s.channels = append(s.channels, c)
	return c
}

// observe takes the next reading. One of an earlier step than the last is left out.
func (c *channel) observe(p *Parameters, at ledger.Millis, value int32) {
	if c.energy != nil {
		c.energy.Observe(at, value)
	}
	c.rise(at, value)
	n := int64(at) / int64(p.SeriesStep)
	if c.count > 0 && n != c.step {
		if n < c.step {
			return
		}
		c.close(p)
		c.sum, c.count = 0, 0
	}
	if c.count == 0 || value > c.largest {
		c.largest = value
	}
	c.step = n
	c.sum += int64(value)
	c.count++
}

func (c *channel) close(p *Parameters) {
	v := float64(c.sum) / float64(c.count)
	if c.quantity == ledger.Shock {
		v = float64(c.largest)
	}
	at := ledger.Millis(c.step * int64(p.SeriesStep))
	r, err := c.scorer.Observe(at, v)
	if err != nil || r.P >= c.worst {
		return
	}
	c.worst, c.worstAt, c.value, c.reason = r.P, at, int64(v), r.Reason
}

// rise follows how high the quantity goes: a shock by the largest reading, which is over before the next, and
// light and open doors by a level, since both are usual for some minutes. A level depends on times and not
// on how many readings there are.
func (c *channel) rise(at ledger.Millis, value int32) {
	v := float64(value)
	switch c.quantity {
	case ledger.Shock:
	case ledger.Light, ledger.Door:
		if at <= c.seen {
			return
		}
		if c.seen > 0 {
			dt := float64(min(at-c.seen, levelStep))
			c.level += float64((v - c.level) * (dt / (levelOver + dt)))
		}
		v = c.level
	case ledger.Temperature, ledger.RelativeHumidity:
		return
	}
	c.seen = at
	if v > c.highest {
		c.highest, c.highAt = v, at
	}
}

// high is the most that rise found; false for a quantity of which it follows nothing.
func (c *channel) high() (told, bool) {
	limit := int64(0)
	switch c.quantity {
	case ledger.Shock:
		limit = highShock
	case ledger.Light:
		limit = highLight
	case ledger.Door:
		limit = highDoor
	case ledger.Temperature, ledger.RelativeHumidity:
		return told{}, false
	}
	t := told{Signal: detect.Signal{Code: codeOf(CodeHighest, c.quantity)}, quantity: c.quantity}
	if c.highest > 0 {
		t.Value, t.Limit, t.Count = int64(c.highest), limit, 1
		t.Ratio = t.Value * Million / limit
		t.From, t.To = c.highAt, c.highAt
		if c.quantity != ledger.Shock {
			t.From -= levelOver
		}
	}
	return t, true
}

// ratio is -ln P of the worst step over that of an alarm, in millionths, where the channel is one of so many.
func (c *channel) ratio(p *Parameters, of int) int64 {
	all := min(1, float64(c.worst*float64(of)))
	if all >= 1 {
		return 0
	}
	return int64(coldchain.Ln(all) / coldchain.Ln(float64(p.Series.AlarmP)/billion) * Million)
}

// codeOf names a quantity's own statistic of a kind; of the temperature it is the kind alone.
func codeOf(kind string, q ledger.Quantity) string {
	if q == ledger.Temperature {
		return kind
	}
	return kind + "_" + strings.ReplaceAll(q.String(), " ", "_")
}

func (c *channel) code(k *canon.Coder, p *Parameters) {
	q := c.quantity
	canon.Uint(k, &q)
	if q < ledger.Temperature || q > ledger.Door {
		k.Fail("quantity %d", q)
		return
	}
	if k.Reading() {
		c.of(p, q)
	}
	if c.energy != nil {
		c.energy.Code(k)
	}
	canon.Int(k, &c.step)
	canon.Int(k, &c.sum)
	canon.Int(k, &c.largest)
	canon.Int(k, &c.count)
	c.scorer.Code(k)
	k.Float(&c.worst)
	canon.Int(k, &c.worstAt)
	canon.Int(k, &c.value)
	canon.String(k, &c.reason, ledger.MaxReasonCodeBytes)
	canon.Int(k, &c.seen)
	k.Float(&c.level)
	k.Float(&c.highest)
	canon.Int(k, &c.highAt)
	if !(c.highest >= 0 && c.highest <= 1<<31) || !(c.level >= -1<<31 && c.level <= 1<<31) {
		k.Fail("highest level of %v", c.highest)
		c.level, c.highest = 0, 0
	}
	if c.count < 0 || !(c.worst >= leastP && c.worst <= 1) {
		k.Fail("channel of %d readings, probability %v", c.count, c.worst)
		c.count, c.worst = 0, 1
	}
}
