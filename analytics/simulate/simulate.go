// Package simulate makes a day of pharma and food shipments from a seed: the EPCIS events that
// producer, carrier and retailer record, the signed segments of their loggers, and the planted
// faults with what a verdict must at least say of them.
//
// It is a simulation, made to exercise and to measure the system. Nothing it makes is field data,
// and a figure measured on it says nothing about a real lane, product or logger.
//
// The same configuration gives the same bytes on every machine: it reads no clock, and its
// arithmetic is that of the deterministic packages. It may import epcis, ledger, wire and
// analytics/coldchain; nothing of the service imports it.
package simulate

import (
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// The organisations of a simulated day, by the names of the default topology.
const (
	Producer = "producer"
	Carrier  = "carrier"
	Retailer = "retailer"
)

// ErrConfig says that a configuration cannot be simulated.
var ErrConfig = errors.New("WB_SIMULATE: configuration")

// Fault is what was planted in a shipment.
type Fault string

// The faults.
const (
	FaultNone            Fault = "none"
	FaultExcursion       Fault = "excursion"        // the refrigeration fails for hours
	FaultFreeze          Fault = "freeze"           // the product freezes
	FaultDrift           Fault = "drift"            // the temperature creeps, most of the time inside its limits
	FaultStuck           Fault = "sensor_stuck"     // the logger repeats one value
	FaultLoggerSwapped   Fault = "logger_swapped"   // another logger takes the first one's place under way
	FaultDiverted        Fault = "diverted"         // received where it was not sent
	FaultDuplicateSerial Fault = "duplicate_serial" // one of its serials is commissioned a second time
	FaultNonHolder       Fault = "non_holder"       // shipped on by a party that does not hold it
)

// Faults lists the faults that can be planted, in a fixed order.
func Faults() []Fault {
	return []Fault{
		FaultExcursion, FaultFreeze, FaultLoggerSwapped, FaultDiverted, FaultDuplicateSerial,
		FaultDrift, FaultStuck, FaultNonHolder,
	}
}

// Config says what to simulate. The zero value of a field means its default.
type Config struct {
	// Seed decides everything that is not said below.
	Seed uint64
	// Now is the time of the demonstration: all data times lie before it. It has no default.
	Now time.Time
	// Shipments is how many there are; default 24, at most 100,000.
	Shipments int
	// Faults are planted in the first shipments, one each, in this order; the others are clean.
	// Nil plants each of Faults() once, as far as the shipments go; an empty list plants none.
	Faults []Fault
	// Sampling is the time between two readings; default 1 minute, at least 1 second.
	Sampling time.Duration
	// SegmentReadings is how many readings a segment holds; default 60, at most 4,096.
	SegmentReadings int
	// Items is how many serialised items a pallet holds; default 12, at most 1,000.
	Items int
	// Journey is the mean time from packing to receipt; default 9 hours, at least 7 hours, at most
	// 14 days. A shipment's own lies within a quarter of it.
	Journey time.Duration
}

// Kind says what an action sends.
type Kind uint8

// The kinds.
const (
	KindPolicy  Kind = 1
	KindDevice  Kind = 2
	KindEvent   Kind = 3
	KindSegment Kind = 4
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case KindPolicy:
		return "policy"
	case KindDevice:
		return "device"
	case KindEvent:
		return "event"
	case KindSegment:
		return "segment"
	default:
		return "unknown"
	}
}

// Action is one thing that an organisation sends, at its data time. Of the pointers the one of
// the action's kind is set.
type Action struct {
	At       time.Time
	Org      string // Producer, Carrier or Retailer
	Kind     Kind
	Shipment string // canonical EPC; empty for policies and devices
	Policy   *ledger.Policy
	Device   *ledger.Device
	Event    *wire.EventEntry
	Segment  *Segment
}

// Segment is a segment as its device signed it, with the readings it holds.
type Segment struct {
	Readings ledger.Segment
	Signed   wire.SignedSegment
}

// Truth is what was planted in a shipment and what is expected of its verdicts.
type Truth struct {
	Shipment string // canonical EPC of the pallet
	Product  string // such as "insulin 2-8 °C"
	Policy   string // the policy's id
	Lane     string // such as "Basel - Lyon"
	Fault    Fault
	// AtLeast is the least level that the shipment's worst verdict must have. For a clean shipment
	// it is Clear, and no verdict may say Quarantine.
	AtLeast ledger.VerdictLevel
	// Reasons are codes of which at least one must be given; empty for a clean shipment.
	Reasons []string
	From    time.Time // first reading
	To      time.Time // receipt
}

// Day is a simulated day.
type Day struct {
	Policies []ledger.Policy
	Devices  []ledger.Device
	// Actions are everything that is sent, policies and devices included, by data time. An
	// organisation's actions and a device's segments must be sent in this order.
	Actions []Action
	Truth   []Truth // one a shipment, in the order of their numbers
	// Keys are the loggers' private keys, by device id. They are made from the seed and protect nothing.
	Keys map[string]ed25519.PrivateKey
}
