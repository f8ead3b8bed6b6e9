package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// Recorder puts inputs on the ledger. Each method returns when every input has its answer, in the
// order of the inputs; gateway/submit implements it.
type Recorder interface {
	Events(ctx context.Context, events []submit.Event) ([]submit.Outcome, error)
	Devices(ctx context.Context, devices []ledger.Device) ([]submit.Outcome, error)
	Segments(ctx context.Context, segments []submit.Segment) ([]submit.Outcome, error)
	Policies(ctx context.Context, policies []ledger.Policy) ([]submit.Outcome, error)
	MasterData(ctx context.Context, data []ledger.MasterDatum) ([]submit.Outcome, error)
	Elements(ctx context.Context, elements []wire.ElementEntry) ([]submit.Outcome, error)
	Review(ctx context.Context, subjects []wire.ReviewSubject) ([]submit.Outcome, error)
}

// Reader answers questions about the ledger up to the block it has read; api/readmodel implements it.
type Reader interface {
	Events(ctx context.Context, f readmodel.EventFilter, page readmodel.Page) (readmodel.Rows[readmodel.Event], error)
	Event(ctx context.Context, hash ledger.Digest) (readmodel.Event, error)
	Named(ctx context.Context, id string, limit int) ([]readmodel.Named, error)
	Item(ctx context.Context, epc string, findings int) (readmodel.Item, error)
	Device(ctx context.Context, id string) (readmodel.Device, error)
	Devices(ctx context.Context, after string, limit int) ([]readmodel.Device, error)
	Segment(ctx context.Context, device string, seq uint64) (readmodel.Segment, error)
	Segments(ctx context.Context, device string, from uint64, times readmodel.Range, limit int) ([]readmodel.Segment, error)
	Policies(ctx context.Context, id string, all bool, after readmodel.PolicyKey, limit int) ([]ledger.Policy, error)
	Verdicts(ctx context.Context, f readmodel.VerdictFilter, page readmodel.Page) (readmodel.Rows[readmodel.Verdict], error)
	ChangedVerdicts(ctx context.Context, f readmodel.VerdictFilter, page readmodel.Page) (readmodel.Rows[readmodel.Verdict], error)
	Verdict(ctx context.Context, shipment string, window uint32, model string) (readmodel.Verdict, error)
	Shipment(ctx context.Context, id string) (readmodel.Shipment, error)
	Shipments(ctx context.Context, f readmodel.ShipmentFilter, after string, limit int) ([]readmodel.Shipment, error)
	Findings(ctx context.Context, f readmodel.FindingFilter, page readmodel.Page) (readmodel.Rows[readmodel.Finding], error)
	FindingHistory(ctx context.Context, name ledger.Naming, limit int) ([]readmodel.Finding, error)
	MasterData(ctx context.Context, f readmodel.MasterFilter, after readmodel.MasterKey, limit int) ([]readmodel.Master, error)
	Totals(ctx context.Context) (readmodel.Totals, readmodel.Progress, error)
	Tracer
	// Changed gives the number of blocks read and a channel that is closed when there are more.
	Changed() (height uint64, more <-chan struct{})
	WaitFor(ctx context.Context, block uint64) error
	SchemaVersion() int
}

// Config is what a Server needs. Recorder, Reader and TLS have no default.
type Config struct {
	Recorder Recorder
	Reader   Reader
	TLS      *Certificates
	// Reports answers what reports ask; api/readmodel implements it. Nil, and there are none.
	Reports report.Source
	// MasterData names products and places in reports; nil knows nothing.
	MasterData report.MasterData
	// Prover gives proofs; api/anchor implements it. Nil, and there are none.
	Prover Prover
	// Governor and Books serve credits and models; nil, and there are none.
	Governor Governor
	Books    Books
	// Tasks serves scoring by several organisations; nil, and there is none.
	Tasks Tasks
	// CreditKey is the binding of the key that signs this service's transactions (ledger.CreditBinding): its
	// account is the organisation's.
	CreditKey ledger.Digest
	// Height asks for the number of blocks on the ledger; nil if that is not known.
	Height func(context.Context) (uint64, error)
	About  About
	Limits Limits
	// Metrics takes the server's metrics; nil for none.
	Metrics prometheus.Registerer
	// Logger defaults to slog.Default(). It gets no bodies and no secrets.
	Logger *slog.Logger
}

// About is what GetStatus says of the service.
type About struct {
	Version, Organisation, MSPID, Network, Channel, Chaincode string
}

// Limits bound what a caller may ask. A zero field means the default.
type Limits struct {
	// MessageBytes bounds one message, default 16 MiB.
	MessageBytes int
	// DocumentBytes bounds a document sent in pieces, default 32 MiB, and DocumentsBytes all the
	// documents under way at a time, default 256 MiB.
	DocumentBytes, DocumentsBytes int
	// Events bounds the events of one document or list, default 20,000.
	Events int
	// Inputs bounds the devices or policies of one call, default 1,000.
	Inputs int
	// Pending bounds the events or segments of one stream that wait for their answers, default
	// 4,096, and PendingBytes their bytes, default 8 MiB.
	Pending      int
	PendingBytes int
	// Calls bounds the writing calls under way at a time, default 512; Pushes the streams that write
	// and Watches those that watch, which may be open and idle for days, default 1,024 each.
	Calls, Pushes, Watches int
	// Reports bounds the reports under way at a time, default 4, and ReportTime the time of each,
	// default 15 minutes.
	Reports    int
	ReportTime time.Duration
	// Streams bounds the calls under way on one connection, default 256.
	Streams int
	// WriteTime and ReadTime bound a call, also where the caller named no deadline; default 2 minutes
	// and 15 seconds.
	WriteTime, ReadTime time.Duration
	// SendTime bounds how long a stream waits for its reader to take a message, default 1 minute.
	SendTime time.Duration
	// Heartbeat is how often a stream without news gives a sign of life, default 10 seconds.
	Heartbeat time.Duration
	// ReadableTime bounds how long the answer to a write waits for the read model to take it in, so
	// that the caller can ask for what it has written; default 1 second.
	ReadableTime time.Duration
	// DrainTime bounds how long shutting down waits for calls under way, default 20 seconds.
	DrainTime time.Duration
	// MinPing is how often a caller may ping, default 10 seconds.
	MinPing time.Duration
}

func (l Limits) withDefaults() Limits {
	count := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	count(&l.MessageBytes, 16<<20)
	count(&l.DocumentBytes, 32<<20)
	count(&l.DocumentsBytes, 256<<20)
	count(&l.Events, 20_000)
	count(&l.Inputs, 1_000)
	count(&l.Pending, 4_096)
	count(&l.PendingBytes, 8<<20)
	count(&l.Calls, 512)
	count(&l.Pushes, 1_024)
	count(&l.Watches, 1_024)
	count(&l.Reports, 4)
	count(&l.Streams, 256)
	span(&l.WriteTime, 2*time.Minute)
	span(&l.ReadTime, 15*time.Second)
	span(&l.ReportTime, 15*time.Minute)
	span(&l.SendTime, time.Minute)
	span(&l.Heartbeat, 10*time.Second)
	span(&l.ReadableTime, time.Second)
	span(&l.DrainTime, 20*time.Second)
	span(&l.MinPing, 10*time.Second)
	return l
}

func (l Limits) epcis() epcis.Limits {
	return epcis.Limits{MaxBytes: int64(l.DocumentBytes), MaxEvents: l.Events, MaxEventBytes: ledger.MaxEventBytes}
}

func (c Config) check() error {
	switch {
	case c.Recorder == nil:
		return errors.New("server: no recorder")
	case c.Reader == nil:
		return errors.New("server: no reader")
	case c.TLS == nil:
		return errors.New("server: no certificates")
	}
	return nil
}
