// Package simulate makes a day of pharma and food shipments from a seed: the EPCIS events that
// producer, carrier and retailer record, the signed segments of their loggers, and the planted
// faults with their sizes, when they lay, and what a verdict must at least say of them. Journeys
// gives the same shipments one by one and unsigned, for fitting and measuring.
//
// It is a simulation, made to exercise and to measure the system. Nothing it makes is field data,
// and a figure measured on it says nothing about a real lane, product or logger. What it leaves
// out: goods have no warmth of their own, a vehicle no load, roads no traffic at certain hours,
// loggers no batteries, people no habits, and every clean journey of a lane and product is drawn from one
// distribution that never changes. Faults come one a shipment.
//
// That last is what makes clean journeys exchangeable: shipments of the same lane and product (and of
// the same configuration but for Seed, Now and which faults are planted in others) are independent
// draws of one distribution, whatever their seeds and numbers. Conformal calibration rests on it; on
// real lanes it is an assumption.
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
	// Plants are planted instead of Faults if there are any: in the first shipments, one each, in this order.
	Plants []Plant
	// Lanes, Products and Sensors are names of those that shipments are drawn from; empty: all. A fault that
	// makes no sense for a product is planted in another one of them.
	Lanes, Products, Sensors []string
	// Season of all shipments; default: each has its own.
	Season Season
	// Channels that loggers have, ascending; the temperature is always one. Default: temperature and
	// relative humidity.
	Channels []ledger.Quantity
	// Sampling is the time between two readings; default 1 minute, at least 1 second.
	Sampling time.Duration
	// SegmentReadings is how many readings a segment holds; default 60, at most 4,096.
	SegmentReadings int
	// Items is how many serialised items a pallet holds; default 12, at most 1,000.
	Items int
	// Journey is the mean time from shipping to receipt over all lanes; default 9 hours, at least 7 hours, at
	// most 14 days. A clean shipment's own is at most 1.6 times it.
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
	Origin   string // the lane's places, as SGLN URNs
	Target   string
	Season   Season
	Sensor   string // kind of logger
	Fault    Fault
	// Size of the fault in Unit; 0 for one that is the product's own default or lasts the rest of the way.
	Size float64
	Unit string
	// FaultFrom and FaultTo are when the fault lies: nothing before FaultFrom was touched by it. They are zero
	// for a clean shipment.
	FaultFrom, FaultTo time.Time
	// AtLeast is the least level that the shipment's worst verdict must have. For a clean shipment
	// it is Clear, and no verdict may say Quarantine.
	AtLeast ledger.VerdictLevel
	// Reasons are codes of which at least one must be given; empty for a clean shipment, and for a fault that
	// has no code of its own.
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
