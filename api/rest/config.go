package rest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/epcis"
)

// Versions that this binding speaks.
const (
	epcisVersion = "2.0.0"
	cbvVersion   = "2.0.0"
)

// Config says what a Server serves and how much. Zero limits mean the defaults.
type Config struct {
	Capturer      Capturer
	Events        Events
	Queries       Queries
	Subscriptions Subscriptions
	// Tokens keeps the page tokens that clients give back; nil, and that is answered with 501.
	Tokens Tokens

	// Reports answers what the reports below /waybill/v1/reports ask, and ReportMaster names products and
	// places in them. Nil Reports: there are none.
	Reports      report.Source
	ReportMaster report.MasterData

	// Traces answers the questions of genealogy below /waybill/v1. Nil: there are no answers.
	Traces Tracer

	// Proofs proves events below /waybill/v1. Nil: there are no proofs.
	Proofs Prover

	// Lead waits until this process is the one to deliver subscriptions, of several that share them.
	// The context it gives ends when it no longer is. Nil: it is at once, and for good.
	Lead func(ctx context.Context) (context.Context, context.CancelFunc, error)

	// BaseURL stands before the paths that answers name, such as
	// https://example.com/epcis; empty means the host that the request names.
	BaseURL string
	// Authorize decides about each request; nil lets every caller do everything.
	Authorize Authorizer
	// Log takes errors that callers are not told; nil discards them.
	Log *slog.Logger
	// TokenKey signs page tokens, with at least 32 bytes; servers that share it take
	// each other's. Empty means one of this process's own.
	TokenKey []byte
	// TokenLife is how long a page token is good; 24 h.
	TokenLife time.Duration
	// Limits bound captured documents; epcis.DefaultLimits.
	Limits epcis.Limits
	// EventBytes and EventInstances are the limits of one event that the Capturer has, for discovery; 0
	// is not told.
	EventBytes, EventInstances int
	// MaxDocuments bounds the bytes of all documents that are being received and read at a time;
	// 128 MiB. What would be more is answered with 503.
	MaxDocuments int64
	// RequestTimeout bounds the work on a request; 30 s. That on a document begins when it has arrived.
	RequestTimeout time.Duration
	// MaxURL bounds a request's URL, in bytes; 16 KiB.
	MaxURL int
	// PerPage is the size of a page unless asked for; 30, as the standard has it.
	PerPage int
	// EPCFormat is the spelling of identifiers when a client asks for none:
	// FormatDigitalLink, as the standard has it, FormatOriginal, or FormatURN.
	EPCFormat string
	// URN spells a GS1 identifier as an EPC URN. Nil, and the format is refused:
	// it takes the lengths of company prefixes, which a Digital Link does not tell. Its
	// error is an epcis.Fault for an identifier that it cannot spell, which is told: 406.
	URN func(string) (string, error)
	// MasterData answers the parameters WD_…, HASATTR_… and EQATTR_… of subscriptions,
	// which are matched here and not by Events. Nil knows nothing.
	MasterData query.MasterData
	// VendorVersion goes out with discovery; empty for none.
	VendorVersion string
	// Targets says which addresses webhooks may have.
	Targets Targets
	// MaxSockets bounds the WebSocket subscriptions at a time; 1000.
	MaxSockets int
	// Delivery says how webhooks are tried.
	Delivery Delivery
}

// Delivery says how webhooks are tried.
type Delivery struct {
	// Timeout bounds one attempt; 10 s.
	Timeout time.Duration
	// Backoff is the wait after the first failed attempt; each further one doubles it
	// up to MaxBackoff. 1 s and 5 min.
	Backoff, MaxBackoff time.Duration
	// Batch bounds the events of one report; 500.
	Batch int
	// Reports bounds the reports that are in memory at a time, on their way to webhooks; 256. One that is
	// not taken makes room until it is tried again.
	Reports int
	// Refresh is how often subscriptions made elsewhere are looked for; 30 s.
	Refresh time.Duration
	// MaxSubscriptions bounds how many this process serves; 10,000.
	MaxSubscriptions int
}

func orElse[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c *Config) complete() error {
	if c.Capturer == nil || c.Events == nil || c.Queries == nil || c.Subscriptions == nil {
		return errors.New("WB_CONFIG: rest needs a Capturer, Events, Queries and Subscriptions")
	}
	if len(c.TokenKey) == 0 {
		c.TokenKey = make([]byte, 32)
		if _, err := rand.Read(c.TokenKey); err != nil {
			return fmt.Errorf("WB_CONFIG: no randomness for page tokens: %w", err)
		}
	}
	if len(c.TokenKey) < 32 {
		return errors.New("WB_CONFIG: the key of page tokens is shorter than 32 bytes")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	orElse(&c.TokenLife, 24*time.Hour)
	orElse(&c.Limits, epcis.DefaultLimits())
	orElse(&c.RequestTimeout, 30*time.Second)
	orElse(&c.MaxDocuments, 128<<20)
	orElse(&c.MaxURL, 16<<10)
	orElse(&c.PerPage, 30)
	orElse(&c.MaxSockets, 1000)
	orElse(&c.EPCFormat, FormatDigitalLink)
	if c.EPCFormat != FormatDigitalLink && c.EPCFormat != FormatOriginal && (c.EPCFormat != FormatURN || c.URN == nil) {
		return fmt.Errorf("WB_CONFIG: %q is no format of EPCs to answer with", c.EPCFormat)
	}
	if c.PerPage < 1 || c.PerPage > query.MaxPerPage {
		return fmt.Errorf("WB_CONFIG: a page of %d events", c.PerPage)
	}
	orElse(&c.Limits.MaxBytes, epcis.DefaultLimits().MaxBytes)
	orElse(&c.Limits.MaxEvents, epcis.DefaultLimits().MaxEvents)
	orElse(&c.Limits.MaxEventBytes, epcis.DefaultLimits().MaxEventBytes)
	d := &c.Delivery
	orElse(&d.Timeout, 10*time.Second)
	orElse(&d.Backoff, time.Second)
	orElse(&d.MaxBackoff, 5*time.Minute)
	orElse(&d.Batch, 500)
	orElse(&d.Reports, 256)
	orElse(&d.Refresh, 30*time.Second)
	orElse(&d.MaxSubscriptions, 10_000)
	return nil
}
