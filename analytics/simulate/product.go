package simulate

import (
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The company prefixes are of GS1's range for demonstrations (952).
const (
	producerPrefix = "9520001"
	carrierPrefix  = "9520002"
	retailerPrefix = "9520003"
)

type product struct {
	name   string
	item   string // indicator and item reference of its GTIN
	policy int    // index in policies
	medium float64
	spread float64 // of the mean between shipments
	cycle  float64 // amplitude of the compressor's cycle
	door   float64 // how far an open door lets the temperature move at most
	frost  float64 // how far a defrosting lets it rise
	fails  float64 // where the temperature goes when the refrigeration fails
	drifts float64 // how far it creeps; stays inside its limits for most of the way
	pharma bool
	cold   bool    // kept below what is usual outside
	high   float64 // of its recommended range
	faults []Fault // of excursion, freeze and drift, those that make sense for it
}

// failsAt is where the temperature goes when the refrigeration fails by a size, or altogether.
func (p product) failsAt(over float64) float64 {
	if over == 0 {
		return p.fails
	}
	return p.high + over
}

// Product is a simulated product.
type Product struct {
	Name   string
	Class  string // canonical class of its GTIN
	Policy string // the policy's id
}

// Products are the simulated products. Their set points and spreads are invented.
func Products() []Product {
	var out []Product
	for _, p := range products() {
		out = append(out, Product{p.name, p.class(), Policies()[p.policy].ID})
	}
	return out
}

func products() []product {
	cold := []Fault{FaultExcursion, FaultFreeze, FaultDrift}
	return []product{
		{
			name: "insulin 2-8 °C", item: "000101", policy: 0, medium: 4.9, spread: 0.3, cycle: 0.5, door: 3.2, frost: 0.6, fails: 24, drifts: 2.6,
			pharma: true, cold: true, high: 8, faults: cold,
		},
		{
			name: "frozen fish", item: "000301", policy: 2, medium: -21, spread: 0.5, cycle: 0.6, door: 4.2, frost: 1.5, fails: 18, drifts: 2.4,
			cold: true, high: -18, faults: []Fault{FaultExcursion},
		},
		{
			name: "vaccine 2-8 °C", item: "000102", policy: 0, medium: 5.1, spread: 0.25, cycle: 0.4, door: 2.8, frost: 0.5, fails: 22, drifts: 2.5,
			pharma: true, cold: true, high: 8, faults: cold,
		},
		{
			name: "fresh milk", item: "000401", policy: 3, medium: 2.8, spread: 0.3, cycle: 0.5, door: 2.4, frost: 0.8, fails: 20, drifts: 1.9,
			cold: true, high: 5, faults: []Fault{FaultExcursion, FaultFreeze},
		},
		{
			name: "tablets 20-25 °C", item: "000201", policy: 1, medium: 22.2, spread: 0.3, cycle: 0.3, door: 1.2, fails: 38, drifts: 2.4,
			pharma: true, high: 25, faults: []Fault{FaultDrift},
		},
		{
			name: "poultry", item: "000402", policy: 3, medium: 2.4, spread: 0.25, cycle: 0.45, door: 2.2, frost: 0.8, fails: 19, drifts: 1.9,
			cold: true, high: 5, faults: []Fault{FaultExcursion, FaultFreeze},
		},
	}
}

// Policies are the policies of the simulated products, which organisations set before they ship.
func Policies() []ledger.Policy {
	hours := func(h float64) ledger.Millis { return ledger.Millis(h * float64(time.Hour/time.Millisecond)) }
	freeze := func(milli int32) *int32 { return &milli }
	policies := []ledger.Policy{
		{
			// USP <1079.2> for refrigerated medicines, and WHO's freeze alarm.
			ID: "refrigerated-medicine", Version: 1, Low: 2_000, High: 8_000, ExcursionLow: 0, ExcursionHigh: 15_000,
			ExcursionFor: hours(24), Grace: hours(0.5), MKTMax: 8_000, MKTOver: hours(24), FreezeBelow: freeze(-500), FreezeFor: hours(1),
		},
		{
			// USP <1079.2> for controlled room temperature.
			ID: "room-temperature-medicine", Version: 1, Low: 20_000, High: 25_000, ExcursionLow: 15_000, ExcursionHigh: 30_000,
			ExcursionFor: hours(24), Grace: hours(1), MKTMax: 25_000, MKTOver: hours(30 * 24),
		},
		{
			ID: "frozen-food", Version: 1, Low: -30_000, High: -18_000, ExcursionLow: -40_000, ExcursionHigh: -12_000,
			ExcursionFor: hours(3), Grace: hours(0.5),
		},
		{
			ID: "chilled-food", Version: 1, Low: 0, High: 5_000, ExcursionLow: -1_000, ExcursionHigh: 8_000,
			ExcursionFor: hours(4), Grace: hours(0.5), FreezeBelow: freeze(-1_500), FreezeFor: hours(1),
		},
	}
	for _, p := range products() {
		policies[p.policy].Products = append(policies[p.policy].Products, p.class())
	}
	return policies
}

// gtin is the 14 digits with their check digit.
func (p product) gtin() string {
	s := p.item[:1] + producerPrefix + p.item[1:]
	return s + checkDigit(s)
}

func (p product) class() string { return "https://id.gs1.org/01/" + p.gtin() }

// checkDigit is GS1's: weights 3 and 1 from the right.
func checkDigit(digits string) string {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return string(rune('0' + (10-sum%10)%10))
}
