package calibrate

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/coldchain"
)

// Config says how to fit a table. The zero value of a field is its default; shares are in millionths.
type Config struct {
	// Alpha is the operator's level for which power is kept under poison. Default 10,000 (0.01).
	Alpha int64
	// Poison is the largest share of the accepted shipments that may be poisoned. Default 100,000
	// (0.1); negative: none, and nothing is trimmed whatever the references look like.
	Poison int64
	// Reference is the share of the accepted shipments that make the references. Default 300,000.
	Reference int64
	// Floor is the least scale of a component's tail, in the unit of the statistics; ten times that of one
	// that is nearly constant. Default 10,000, a hundredth of a detector's own alarm threshold.
	Floor int64
	// TrimAbove is a value up to which no reference is taken for poison. Default 2,000,000, twice a
	// detector's own alarm threshold.
	TrimAbove int64
	// TrimMost is a value above which every reference is taken for poison, however far the others' tail
	// would reach; for statistics whose own alarm threshold says what no accepted shipment comes to. A statistic
	// of which a fifth of the references, more than may be poisoned, lie above half of it is none of these: its cut
	// rests on the references alone. Default: none.
	TrimMost int64
	// Seed decides, with the number of shipments alone, which of them are references.
	Seed uint64
}

const (
	leastReference   = 20
	leastCalibration = 19 // resolves 0.05
	// LeastRows is the fewest accepted shipments that Fit takes.
	LeastRows = leastReference + leastCalibration

	// trimmedShare is the probability that the bulk of the references, continued by a tail heavier than
	// theirs, leaves above the cuts of all components together.
	trimmedShare = 0.001
	// heavier is by how much the shape of that tail is larger than what the bulk says.
	heavier       = 0.15
	heaviestBulk  = 0.4
	leastTrimmed  = 2   // one odd shipment is no sign of poison
	shapeWorth    = 100 // references that weigh as much as the shape they are drawn to
	componentTail = 5   // one in so many references is in the tail of a component
	jointTail     = 10  // and one in so many calibration values in the joint one
	leastJoint    = 20  // of them for a tail to be fitted
	mostTail      = 500 // of either
	mostShape     = 450_000
)

func (c *Config) complete() error {
	for _, d := range []struct {
		field    *int64
		standard int64
	}{{&c.Alpha, 10_000}, {&c.Poison, 100_000}, {&c.Reference, 300_000}, {&c.Floor, 10_000}, {&c.TrimAbove, 2_000_000}, {&c.TrimMost, MaxValue}} {
		if *d.field == 0 {
			*d.field = d.standard
		}
	}
	if c.Alpha < 0 || c.Alpha >= million || c.Poison > 200_000 || c.Reference < 0 || c.Reference > 900_000 ||
		c.Floor < 1 || c.Floor > MaxValue || c.TrimAbove < -MaxValue || c.TrimAbove > MaxValue ||
		c.TrimMost < c.TrimAbove || c.TrimMost > MaxValue {
		return fmt.Errorf("%w: configuration %+v", ErrTable, *c)
	}
	return nil
}

// Split gives the places of the accepted shipments that are references and of those that calibrate,
// as Fit divides a list of n. Whatever else is fitted to accepted shipments and shapes the statistics
// (lane tables, profiles of journeys, thresholds) must be fitted to references only, or to shipments
// that are not in the list: a statistic is smaller on what it was fitted to, so that calibrating
// shipments would no longer be exchangeable with further ones. Where several lists share shipments,
// divide those once and use FitParts. The errors are Fit's.
func Split(n int, cfg Config) (references, calibrating []int, err error) {
	if err = cfg.complete(); err == nil {
		err = checkRows(n)
	}
	if err != nil {
		return nil, nil, err
	}
	references, calibrating = cfg.split(n)
	return references, calibrating, nil
}

func checkRows(n int) error {
	if n < LeastRows {
		return fmt.Errorf("%w: %d, at least %d are needed", ErrTooFew, n, LeastRows)
	}
	if n > MaxRows {
		return fmt.Errorf("%w: %d rows, at most %d", ErrTable, n, MaxRows)
	}
	return nil
}

func (c *Config) split(n int) (references, calibrating []int) {
	order := shuffled(n, c.Seed)
	first := max(leastReference, int(int64(n)*c.Reference/million))
	first = min(first, n-leastCalibration)
	references, calibrating = order[:first], order[first:]
	slices.Sort(references)
	slices.Sort(calibrating)
	return references, calibrating
}

// Fit makes the table of accepted shipments, one list of statistics each, in an order that does not
// depend on their values (the ledger's). See Split for what their statistics may rest on. The errors
// are ErrTooFew and ErrTable.
//
// Up to Config.Poison of them may hold arbitrary values. A calibration value above its component's
// Cut is taken for poison, but only where leaving all such values in would make α unreachable
// (two at least, more than half of α·n, and not more than half as many again as Poison allows). Trimming
// costs the guarantee no more than the probability q that an honest shipment lies above a cut: then
// P(p ≤ α) ≤ α + q. Without trimming P(p ≤ α) ≤ α, and with a share ε of poison left in,
// P(p ≤ α) ≤ α/(1-ε).
func Fit(rows [][]Stat, cfg Config) (Table, error) {
	if err := cfg.complete(); err != nil {
		return Table{}, err
	}
	if err := checkRows(len(rows)); err != nil {
		return Table{}, err
	}
	first, second := cfg.split(len(rows))
	return FitParts(pick(rows, first), pick(rows, second), cfg)
}

// FitParts is Fit for shipments that the caller has divided, by anything but their values: where several
// tables and what their statistics rest on share one division. It takes 20 references and 19 others at
// least. The errors are Fit's.
func FitParts(reference, calibration [][]Stat, cfg Config) (Table, error) {
	if err := cfg.complete(); err != nil {
		return Table{}, err
	}
	if len(reference) < leastReference || len(calibration) < leastCalibration {
		return Table{}, fmt.Errorf("%w: %d references and %d others, at least %d and %d are needed", ErrTooFew,
			len(reference), len(calibration), leastReference, leastCalibration)
	}
	if len(reference) > MaxRows || len(calibration) > MaxRows-len(reference) {
		return Table{}, fmt.Errorf("%w: %d and %d rows, at most %d", ErrTable, len(reference), len(calibration), MaxRows)
	}
	names, err := namesOf(reference)
	if err != nil {
		return Table{}, err
	}
	if _, err = namesOf(calibration); err != nil {
		return Table{}, err
	}
	t := Table{Given: len(reference) + len(calibration)}

	cuts := make([]int64, len(names))
	for k, name := range names {
		cuts[k] = cutOf(column(reference, name), len(names), cfg)
	}
	trimming := cfg.Poison > 0 && called(calibration, names, cuts, cfg)
	if cfg.Poison > 0 {
		// The references make a function and no count: leaving odd ones out costs no guarantee.
		honest := within(reference, names, cuts)
		if len(honest) >= len(reference)/2 {
			reference = honest
		}
	}
	for k, name := range names {
		values := column(reference, name)
		if len(values) == 0 {
			// Known to trimmed references only: nothing to compare with.
			continue
		}
		c := Component{Name: name, Reference: newSample(values), Cut: cuts[k]}
		m := min(mostTail, max(len(values)/componentTail, min(8, len(values)/2)))
		c.Tail = fitTail(values, m, mostShape, cfg.Floor)
		t.Components = append(t.Components, c)
	}
	if len(t.Components) == 0 {
		return Table{}, fmt.Errorf("%w: no statistic in the references", ErrTooFew)
	}
	if trimming {
		honest := within(calibration, names, cuts)
		t.Trimmed = len(calibration) - len(honest)
		calibration = honest
	}
	if len(calibration) < leastCalibration {
		return Table{}, fmt.Errorf("%w: %d left to calibrate with", ErrTooFew, len(calibration))
	}
	joint := make([]int64, len(calibration))
	for i, row := range calibration {
		joint[i] = t.joint(row)
	}
	t.Joint = newSample(joint)
	if m := min(mostTail, len(joint)/jointTail); m >= leastJoint {
		t.Tail = fitTail(joint, m, mostShape, 1)
		if t.Tail.Above < leastJoint/2 { // ties: too few excesses to say anything of a tail
			t.Tail = Tail{}
		}
	}
	return t, t.Check()
}

// joint is the statistic that is calibrated: the largest score; 0 for a shipment without any.
func (t *Table) joint(row []Stat) int64 {
	score := int64(0)
	for _, s := range row {
		if c := t.component(s.Name); c != nil {
			score = max(score, c.score(s.Value))
		}
	}
	return score
}

// namesOf gives the names of all statistics in ascending order.
func namesOf(rows [][]Stat) ([]string, error) {
	var names []string
	for i, row := range rows {
		if len(row) > MaxComponents {
			return nil, fmt.Errorf("%w: row %d of %d statistics", ErrTable, i, len(row))
		}
		for _, s := range row {
			if s.Name == "" || len(s.Name) > MaxName {
				return nil, fmt.Errorf("%w: row %d names a statistic in %d bytes", ErrTable, i, len(s.Name))
			}
			if at, found := slices.BinarySearch(names, s.Name); !found {
				if len(names) == MaxComponents {
					return nil, fmt.Errorf("%w: more than %d statistics", ErrTable, MaxComponents)
				}
				names = slices.Insert(names, at, s.Name)
			}
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: rows without statistics", ErrTooFew)
	}
	return names, nil
}

// shuffled is an order of n that rests on n and the seed alone (Fisher and Yates; the numbers are
// SplitMix64's). The modulus favours no place by more than n in 2^64.
func shuffled(n int, seed uint64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		j := int(z % uint64(i+1)) //nolint:gosec // i+1 ≤ MaxRows
		order[i], order[j] = order[j], order[i]
	}
	return order
}

func pick(rows [][]Stat, order []int) [][]Stat {
	out := make([][]Stat, len(order))
	for i, at := range order {
		out[i] = rows[at]
	}
	return out
}

// value gives the largest statistic of a name.
func value(row []Stat, name string) (v int64, ok bool) {
	for _, s := range row {
		if s.Name == name && (!ok || s.Value > v) {
			v, ok = s.Value, true
		}
	}
	return max(-MaxValue, min(MaxValue, v)), ok
}

func column(rows [][]Stat, name string) []int64 {
	var out []int64
	for _, row := range rows {
		if v, ok := value(row, name); ok {
			out = append(out, v)
		}
	}
	return out
}

// within gives the rows that lie above no cut.
func within(rows [][]Stat, names []string, cuts []int64) [][]Stat {
	out := make([][]Stat, 0, len(rows))
	for _, row := range rows {
		if !above(row, names, cuts) {
			out = append(out, row)
		}
	}
	return out
}

func above(row []Stat, names []string, cuts []int64) bool {
	for k, name := range names {
		if v, ok := value(row, name); ok && v > cuts[k] {
			return true
		}
	}
	return false
}

// called reports whether the calibration part has to be trimmed for α to be reached, and may be.
func called(rows [][]Stat, names []string, cuts []int64, cfg Config) bool {
	odd := int64(len(rows) - len(within(rows, names, cuts)))
	n := int64(len(rows))
	return odd >= leastTrimmed && 2*odd*million > cfg.Alpha*n && 2*odd*million <= 3*cfg.Poison*n
}

// cutOf is the value above which a reference of a component is taken for poison. It rests on ranks
// that a fifth of poison cannot move beyond honest values: the values exceeded by 0.88, 0.44 and
// 0.22 of the references, which give shape and scale as Pickands' (1975) do, continued by a heavier
// tail down to the component's part of trimmedShare.
func cutOf(values []int64, components int, cfg Config) int64 {
	n := len(values)
	if n == 0 {
		return cfg.TrimAbove
	}
	slices.Sort(values)
	exceeded := func(percent int) int64 { return values[n-(n*percent+99)/100] }
	low, middle, high := exceeded(88), exceeded(44), exceeded(22)
	shape := 0.0
	if middle > low && high > middle {
		shape = coldchain.Ln(float64(high-middle)/float64(middle-low)) / coldchain.Ln(2)
	}
	// Few references hardly know a shape: it is drawn to that of an exponential tail.
	shape = float64(max(0, min(heaviestBulk, shape))*float64(n)/float64(n+shapeWorth)) + heavier
	scale := float64(float64(high-middle)*shape) / (1 - coldchain.Exp(-float64(shape*coldchain.Ln(2))))
	scale = max(scale, float64(cfg.Floor))
	far := (coldchain.Exp(float64(shape*coldchain.Ln(0.22*float64(components)/trimmedShare))) - 1) / shape
	cut := max(cfg.TrimAbove, int64(min(float64(high)+float64(scale*far), MaxValue)))
	if high > cfg.TrimMost/2 {
		return cut // accepted shipments do come to the threshold, so it says nothing of poison
	}
	return min(cfg.TrimMost, cut)
}
