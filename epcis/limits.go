package epcis

// Limits bound what a decoder reads. A zero field means the default.
type Limits struct {
	// MaxBytes bounds the whole document, in bytes.
	MaxBytes int64
	// MaxEvents bounds the number of events in one document.
	MaxEvents int
	// MaxEventBytes bounds one event, in bytes.
	MaxEventBytes int
	// MaxDepth bounds the nesting of one event or header.
	MaxDepth int
	// MaxString bounds one string, name or number, in bytes.
	MaxString int
	// MaxNodes bounds the number of values in one event or header.
	MaxNodes int
	// MaxFaults bounds how many faults are collected for one event.
	MaxFaults int
}

// DefaultLimits are what a service should accept from a stranger: 32 MiB,
// 50,000 events, 1 MiB an event, 32 levels, 64 KiB a string, 65,536 values and
// 50 faults an event.
func DefaultLimits() Limits {
	return Limits{
		MaxBytes:      32 << 20,
		MaxEvents:     50_000,
		MaxEventBytes: 1 << 20,
		MaxDepth:      32,
		MaxString:     64 << 10,
		MaxNodes:      65_536,
		MaxFaults:     50,
	}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.MaxBytes <= 0 {
		l.MaxBytes = d.MaxBytes
	}
	if l.MaxEvents <= 0 {
		l.MaxEvents = d.MaxEvents
	}
	if l.MaxEventBytes <= 0 {
		l.MaxEventBytes = d.MaxEventBytes
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = d.MaxDepth
	}
	if l.MaxString <= 0 {
		l.MaxString = d.MaxString
	}
	if l.MaxNodes <= 0 {
		l.MaxNodes = d.MaxNodes
	}
	if l.MaxFaults <= 0 {
		l.MaxFaults = d.MaxFaults
	}
	return l
}
