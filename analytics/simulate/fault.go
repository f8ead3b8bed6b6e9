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

// Scales lists every fault with its grades, in a fixed order.
func Scales() []Scale {
	one := []float64{1}
	return []Scale{
		{
			FaultExcursion, SubjectChain, "°C", "over the recommended range's upper end, for 3½ hours", []float64{1, 2, 4, 8}, 0, 0.1, 60, 0,
			[]string{"above_range", "excursion_budget", "mkt_exceeded"},
		},
		{FaultFreeze, SubjectChain, "°C", "below 0 °C, for 3½ hours", []float64{0.5, 1, 2, 4}, 4.5, 0.1, 40, 0, []string{"frozen", "below_range"}},
		{FaultDrift, SubjectChain, "°C/day", "slope of the temperature to the end", []float64{1, 2, 4, 8}, 0, 0.1, 48, 0, []string{"drift"}},
		{FaultLevelStep, SubjectChain, "°C", "height of the step, which stays", []float64{0.5, 1, 1.5, 2}, 1.5, 0.1, 30, 0, []string{"drift", "level", "level_shift"}},
		{FaultDoorOpenings, SubjectChain, "openings", "of 5 minutes each, 15 minutes apart", []float64{2, 4, 8, 12}, 8, 1, 100, 0, nil},
		{FaultDefrost, SubjectChain, "°C", "amplitude of a heat pulse of 25 minutes, one each 90 minutes to the end", []float64{1, 2, 3, 4}, 3, 0.1, 30, 0, nil},
		{FaultCompressor, SubjectChain, "×", "the cycle's usual period, to the end; its amplitude grows by the root", []float64{0.25, 2, 4, 6}, 4, 0.1, 20, 0, nil},
		{FaultHumidity, SubjectChain, "%RH", "rise within an hour, which stays", []float64{5, 10, 20, 35}, 20, 0.5, 80, ledger.RelativeHumidity, nil},
		{FaultShock, SubjectChain, "g", "peak acceleration of one drop", []float64{5, 10, 25, 60}, 25, 0.5, 900, ledger.Shock, nil},
		{FaultOpened, SubjectChain, "min", "of light at 300 lux", []float64{2, 10, 30, 90}, 30, 1, 600, ledger.Light, nil},
		{FaultStuck, SubjectSensor, "h", "of one repeated temperature", []float64{0.5, 1, 2, 4}, 0, 0.1, 400, 0, []string{"sensor_stuck", "stuck", "flatline"}},
		{FaultFlatline, SubjectSensor, "h", "in which 98 % of every channel's movement is lost", []float64{0.5, 1, 2, 4}, 3, 0.1, 400, 0, []string{"flatline", "sensor_stuck", "stuck"}},
		{FaultDropout, SubjectSensor, "h", "without a reading", []float64{0.25, 0.5, 1, 3}, 3, 0.05, 400, 0, []string{"readings_missing", "dropout"}},
		{FaultClockJump, SubjectSensor, "min", "by which the clock jumps ahead", []float64{5, 15, 60, 120}, 60, 1, 240, 0, []string{"clock_jump", "readings_missing", "dropout"}},
		{FaultUnitSlip, SubjectSensor, "h", "in degrees Fahrenheit", []float64{0.1, 0.5, 1, 3}, 0, 0.05, 400, 0, []string{"unit_slip"}},
		{FaultSpikes, SubjectSensor, "°C", "height of each of 5 wrong readings, either way", []float64{1, 2, 5, 20}, 5, 0.1, 60, 0, []string{"spike", "spikes"}},
		{FaultLoggerSwapped, SubjectSensor, "°C", "that the second logger reads more", []float64{0.3, 0.6, 1.2, 2.4}, 1.2, 0, 30, 0, []string{"logger_swapped"}},
		{FaultDelay, SubjectEvents, "×", "the longest drive's time", []float64{1.25, 1.5, 2, 3}, 2, 1, 10, 0, nil},
		{FaultDwell, SubjectEvents, "×", "the mean time at the first stop", []float64{4, 6, 10, 15}, 10, 1, 50, 0, nil},
		{FaultRouteDeviation, SubjectEvents, "h", "at a stop that is not on the lane", []float64{0.1, 0.5, 1, 2}, 0.5, 0.05, 100, 0, nil},
		{FaultDiverted, SubjectEvents, "", "", one, 1, 1, 1, 0, []string{"diverted"}},
		{FaultDuplicateSerial, SubjectEvents, "", "", one, 1, 1, 1, 0, []string{"finding:commissioned_twice"}},
		{FaultNonHolder, SubjectEvents, "", "", one, 1, 1, 1, 0, []string{"finding:shipped_by_non_holder"}},
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
