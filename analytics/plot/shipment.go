package plot

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Run is a piece of a logger's readings of one quantity, as the ledger holds them.
type Run struct {
	Device   string
	Quantity ledger.Quantity
	Times    []ledger.Millis
	Values   []int32 // in thousandths of the quantity's unit
}

// Shipment collects what is known of a shipment for its picture. The zero value is one of which nothing
// is known yet.
type Shipment struct {
	panels  map[ledger.Quantity]*Panel
	windows []Window
	level   ledger.VerdictLevel
	scores  Points
}

// Readings adds readings in the order of their times, a logger at a time.
func (s *Shipment) Readings(r Run) {
	if s.panels == nil {
		s.panels = map[ledger.Quantity]*Panel{}
	}
	p := s.panels[r.Quantity]
	if p == nil {
		p = &Panel{Name: quantityName(r.Quantity)}
		s.panels[r.Quantity] = p
	}
	name := shortName(r.Device)
	i := slices.IndexFunc(p.Lines, func(l Line) bool { return l.Name == name })
	if i < 0 {
		if len(p.Lines) == MaxLines {
			return
		}
		i = len(p.Lines)
		p.Lines = append(p.Lines, Line{Name: name})
	}
	for k := range min(len(r.Times), len(r.Values)) {
		p.Lines[i].Points.Add(r.Times[k], float64(r.Values[k])/1000)
	}
}

// Verdict adds a verdict's score and the windows of its reasons; of the windows those of the worst
// verdict so far are drawn, of equal ones the last's.
func (s *Shipment) Verdict(v ledger.Verdict) {
	s.scores.Add(v.To, float64(v.Score)/1_000_000)
	if v.Level < s.level {
		return
	}
	s.level, s.windows = v.Level, nil
	kind := Note
	switch v.Level {
	case ledger.Inspect:
		kind = Warning
	case ledger.Quarantine:
		kind = Grave
	case ledger.Clear:
	}
	if kind == Note {
		return
	}
	const small = 20 // a reason with less than a part of this of the score is not what did it
	for _, r := range v.Reasons {
		if r.To > r.From && r.From > 0 && r.Contribution*small >= v.Score {
			s.windows = append(s.windows, Window{From: r.From, To: r.To, Name: r.Code + " (" + v.Level.String() + ")", Kind: kind})
		}
	}
}

// Chart gives the picture. A policy, if any, limits the temperature.
func (s *Shipment) Chart(title string, p *ledger.Policy) *Chart {
	c := &Chart{Title: title, Windows: s.windows}
	for _, q := range []ledger.Quantity{ledger.Temperature, ledger.RelativeHumidity, ledger.Shock, ledger.Light, ledger.Door} {
		panel := s.panels[q]
		if panel == nil {
			continue
		}
		if q == ledger.Temperature {
			panel.Limits = LimitsOf(p)
		}
		c.Panels = append(c.Panels, *panel)
	}
	if s.scores.Len() > 0 && len(c.Panels) > 0 {
		c.Panels = append(c.Panels, Panel{Name: "verdict's score", Lines: []Line{{Name: "score", Points: s.scores}}, Unit01: true})
	}
	return c
}

func quantityName(q ledger.Quantity) string {
	switch q {
	case ledger.Temperature:
		return "temperature, °C"
	case ledger.RelativeHumidity:
		return "relative humidity, %"
	case ledger.Shock:
		return "shock, g"
	case ledger.Light:
		return "light, lux"
	case ledger.Door:
		return "door open"
	default:
		return "unknown"
	}
}

// shortName is the end of a device's identifier.
func shortName(device string) string {
	return device[strings.LastIndexByte(device, '/')+1:]
}
