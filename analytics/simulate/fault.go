package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Fault is what was planted in a shipment.
type Fault string

// The faults. A Scale says what a fault's size counts.
const (
	FaultNone            Fault = "none"
	FaultExcursion       Fault = "excursion"        // the refrigeration fails for hours
	FaultFreeze          Fault = "freeze"           // the product freezes
	FaultDrift           Fault = "drift"            // the temperature creeps, most of the time inside its limits
	FaultLevelStep       Fault = "level_step"       // the temperature steps to another level and stays
	FaultDoorOpenings    Fault = "door_openings"    // the doors are opened again and again
	FaultDefrost         Fault = "defrost_failure"  // the defrost heater runs far too often
	FaultCompressor      Fault = "compressor_cycle" // the compressor's cycle changes its period
	FaultHumidity        Fault = "humidity"         // water gets in
	FaultShock           Fault = "shock"            // the pallet is dropped
	FaultOpened          Fault = "opened"           // light falls into what should be closed, with no door opened
	FaultStuck           Fault = "sensor_stuck"     // the logger repeats one temperature
	FaultFlatline        Fault = "flatline"         // all of the logger's channels hardly move any more
	FaultDropout         Fault = "dropout"          // the logger is silent
	FaultClockJump       Fault = "clock_jump"       // the logger's clock jumps ahead
	FaultUnitSlip        Fault = "unit_slip"        // the logger goes on in degrees Fahrenheit
	FaultSpikes          Fault = "spikes"           // single readings are wrong
	FaultLoggerSwapped   Fault = "logger_swapped"   // another logger takes the first one's place under way
	FaultDiverted        Fault = "diverted"         // received where it was not sent
	FaultDelay           Fault = "delay"            // one drive takes far too long
	FaultDwell           Fault = "dwell"            // it stands at a stop for far too long
	FaultRouteDeviation  Fault = "route_deviation"  // it stops where its lane does not pass
	FaultDuplicateSerial Fault = "duplicate_serial" // one of its serials is commissioned a second time
	FaultNonHolder       Fault = "non_holder"       // shipped on by a party that does not hold it
)

// Faults lists the faults that a day plants if it is not told which, in a fixed order.
func Faults() []Fault {
	return []Fault{
		FaultExcursion, FaultFreeze, FaultLoggerSwapped, FaultDiverted, FaultDuplicateSerial,
		FaultDrift, FaultStuck, FaultNonHolder,
	}
}

// Subject says what a fault is one of.
type Subject string

// The subjects.
const (
	SubjectChain  Subject = "chain"  // the conditions of the goods
	SubjectSensor Subject = "sensor" // the instrument
	SubjectEvents Subject = "events" // what was recorded happened
)

// Scale says how a fault is graded.
type Scale struct {
	Fault   Fault
	Subject Subject
	// Unit of the size; empty for a fault that only is or is not.
	Unit string
	// Meaning is what the size counts, in a few words.
	Meaning string
	// Sizes are the grades of the published tables, the least first. A fault without a unit has one of 1.
	Sizes []float64
	// Default is the size 0 stands for; 0 where it is the product's own or the whole rest of the way.
	Default float64
	// Least and Most bound a size.
	Least, Most float64
	// Needs is the channel without which the fault cannot be seen; 0: none but the temperature.
	Needs ledger.Quantity
	// Reasons are codes of which a verdict that has understood the fault gives at least one.
	Reasons []string
}

// unusual are the codes of statistics of the temperature: what a verdict says of a fault that breaks no rule.
func unusual() []string {
	return []string{"drift", "energy", "unusual", "window_energy", "discord", "window_residual", "reference_distance"}
}

// Scales lists every fault with its grades, in a fixed order.
func Scales() []Scale {
	return slices.Concat(chainScales(), sensorScales(), eventScales())
}

func chainScales() []Scale {
	return []Scale{
		{
			Fault: FaultExcursion, Subject: SubjectChain, Unit: "°C", Meaning: "over the recommended range's upper end, for 3½ hours",
			Sizes: []float64{1, 2, 4, 8}, Least: 0.1, Most: 60, Reasons: []string{"above_range", "excursion_budget", "mkt_exceeded"},
		},
		{
			Fault: FaultFreeze, Subject: SubjectChain, Unit: "°C", Meaning: "below 0 °C, for 3½ hours",
			Sizes: []float64{0.5, 1, 2, 4}, Default: 4.5, Least: 0.1, Most: 40, Reasons: []string{"frozen", "below_range", "excursion_budget"},
		},
		{
			Fault: FaultDrift, Subject: SubjectChain, Unit: "°C/day", Meaning: "slope of the temperature to the end",
			Sizes: []float64{1, 2, 4, 8}, Least: 0.1, Most: 48, Reasons: unusual(),
		},
		{
			Fault: FaultLevelStep, Subject: SubjectChain, Unit: "°C", Meaning: "height of the step, which stays",
			Sizes: []float64{0.5, 1, 1.5, 2}, Default: 1.5, Least: 0.1, Most: 30, Reasons: unusual(),
		},
		{
			Fault: FaultDoorOpenings, Subject: SubjectChain, Unit: "openings", Meaning: "of 5 minutes each, 15 minutes apart",
			Sizes: []float64{2, 4, 8, 12}, Default: 8, Least: 1, Most: 100, Reasons: unusual(),
		},
		{
			Fault: FaultDefrost, Subject: SubjectChain, Unit: "°C", Meaning: "amplitude of a heat pulse of 25 minutes, one each 90 minutes to the end",
			Sizes: []float64{1, 2, 3, 4}, Default: 3, Least: 0.1, Most: 30, Reasons: unusual(),
		},
		{
			Fault: FaultCompressor, Subject: SubjectChain, Unit: "×", Meaning: "the cycle's usual period, to the end; its amplitude grows by the root",
			Sizes: []float64{0.25, 2, 4, 6}, Default: 4, Least: 0.1, Most: 20, Reasons: unusual(),
		},
		{
			Fault: FaultHumidity, Subject: SubjectChain, Unit: "%RH", Meaning: "rise within an hour, which stays",
			Sizes: []float64{5, 10, 20, 35}, Default: 20, Least: 0.5, Most: 80, Needs: ledger.RelativeHumidity, Reasons: []string{"unusual_relative_humidity", "energy_relative_humidity"},
		},
		{
			Fault: FaultShock, Subject: SubjectChain, Unit: "g", Meaning: "peak acceleration of one drop",
			Sizes: []float64{5, 10, 25, 60}, Default: 25, Least: 0.5, Most: 900, Needs: ledger.Shock, Reasons: []string{"unusual_shock", "highest_shock"},
		},
		{
			Fault: FaultOpened, Subject: SubjectChain, Unit: "min", Meaning: "of light at 300 lux",
			Sizes: []float64{2, 10, 30, 90}, Default: 30, Least: 1, Most: 600, Needs: ledger.Light, Reasons: []string{"unusual_light", "highest_light"},
		},
	}
}

func sensorScales() []Scale {
	return []Scale{
		{
			Fault: FaultStuck, Subject: SubjectSensor, Unit: "h", Meaning: "of one repeated temperature",
			Sizes: []float64{0.5, 1, 2, 4}, Least: 0.1, Most: 400, Reasons: []string{"sensor_stuck", "flatline"},
		},
		{
			Fault: FaultFlatline, Subject: SubjectSensor, Unit: "h", Meaning: "in which 98 % of every channel's movement is lost",
			Sizes: []float64{0.5, 1, 2, 4}, Default: 3, Least: 0.1, Most: 400, Reasons: []string{"flatline", "sensor_stuck"},
		},
		{
			Fault: FaultDropout, Subject: SubjectSensor, Unit: "h", Meaning: "without a reading",
			Sizes: []float64{0.25, 0.5, 1, 3}, Default: 3, Least: 0.05, Most: 400, Reasons: []string{"readings_missing", "dropout"},
		},
		{
			Fault: FaultClockJump, Subject: SubjectSensor, Unit: "min", Meaning: "by which the clock jumps ahead",
			Sizes: []float64{5, 15, 60, 120}, Default: 60, Least: 1, Most: 240, Reasons: []string{"clock_jump", "readings_missing", "dropout"},
		},
		{
			Fault: FaultUnitSlip, Subject: SubjectSensor, Unit: "h", Meaning: "in degrees Fahrenheit",
			Sizes: []float64{0.1, 0.5, 1, 3}, Least: 0.05, Most: 400, Reasons: []string{"unit_slip"},
		},
		{
			Fault: FaultSpikes, Subject: SubjectSensor, Unit: "°C", Meaning: "height of each of 5 wrong readings, either way",
			Sizes: []float64{1, 2, 5, 20}, Default: 5, Least: 0.1, Most: 60, Reasons: []string{"spikes"},
		},
		{
			Fault: FaultLoggerSwapped, Subject: SubjectSensor, Unit: "°C", Meaning: "that the second logger reads more",
			Sizes: []float64{0.3, 0.6, 1.2, 2.4}, Default: 1.2, Most: 30, Reasons: []string{"logger_swapped"},
		},
	}
}

func eventScales() []Scale {
	one := []float64{1}
	return []Scale{
		{
			Fault: FaultDelay, Subject: SubjectEvents, Unit: "×", Meaning: "the longest drive's time",
			Sizes: []float64{1.25, 1.5, 2, 3}, Default: 2, Least: 1, Most: 10, Reasons: []string{"dwell_long"},
		},
		{
			Fault: FaultDwell, Subject: SubjectEvents, Unit: "×", Meaning: "the mean time at the first stop",
			Sizes: []float64{4, 6, 10, 15}, Default: 10, Least: 1, Most: 50, Reasons: []string{"dwell_long"},
		},
		{
			Fault: FaultRouteDeviation, Subject: SubjectEvents, Unit: "h", Meaning: "at a stop that is not on the lane",
			Sizes: []float64{0.1, 0.5, 1, 2}, Default: 0.5, Least: 0.05, Most: 100, Reasons: []string{"route_deviation", "step_unusual", "dwell_long"},
		},
		{Fault: FaultDiverted, Subject: SubjectEvents, Sizes: one, Default: 1, Least: 1, Most: 1, Reasons: []string{"diverted"}},
		{Fault: FaultDuplicateSerial, Subject: SubjectEvents, Sizes: one, Default: 1, Least: 1, Most: 1, Reasons: []string{"finding:commissioned_twice"}},
		{Fault: FaultNonHolder, Subject: SubjectEvents, Sizes: one, Default: 1, Least: 1, Most: 1, Reasons: []string{"finding:shipped_by_non_holder"}},
	}
}

// ScaleOf gives a fault's scale; false for FaultNone and unknown ones.
func ScaleOf(f Fault) (Scale, bool) {
	all := Scales()
	i := slices.IndexFunc(all, func(s Scale) bool { return s.Fault == f })
	if i < 0 {
		return Scale{}, false
	}
	return all[i], true
}

// Plant is a fault to plant.
type Plant struct {
	Fault Fault
	// Size in the unit of the fault's Scale; 0: the scale's default.
	Size float64
}

// scale checks a plant and gives what it is graded by; nil for FaultNone.
func (p Plant) scale() (*Scale, error) {
	if p.Fault == FaultNone && p.Size == 0 {
		return nil, nil //nolint:nilnil // no fault has no scale
	}
	s, ok := ScaleOf(p.Fault)
	if !ok {
		return nil, fmt.Errorf("%w: no fault %q", ErrConfig, p.Fault)
	}
	if p.Size != 0 && !(p.Size >= s.Least && p.Size <= s.Most) {
		return nil, fmt.Errorf("%w: %s of size %v; from %v to %v %s", ErrConfig, p.Fault, p.Size, s.Least, s.Most, s.Unit)
	}
	return &s, nil
}

// size is the size that is planted; 0 where it is the product's own or the rest of the way.
func (p Plant) size() float64 {
	if p.Size != 0 {
		return p.Size
	}
	s, _ := ScaleOf(p.Fault)
	return s.Default
}

// lengthens is by how much a plant makes a journey of the mean given longer at most.
func (p Plant) lengthens(journey time.Duration) time.Duration {
	times := func(d time.Duration, f float64) time.Duration { return time.Duration(float64(float64(d) * f)) }
	switch p.Fault {
	case FaultDelay:
		return times(journey, p.size()-1)
	case FaultDwell:
		return times(journey, float64(meanStop*p.size()))
	case FaultRouteDeviation:
		return times(time.Hour, p.size())
	case FaultClockJump:
		return times(time.Minute, p.size())
	default:
		return 0
	}
}
