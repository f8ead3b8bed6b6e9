package rest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Targets says which addresses results may be sent to. The zero value allows https
// to public addresses only, so that a subscription cannot reach into the network
// that the server stands in.
type Targets struct {
	// AllowHTTP also allows addresses without TLS.
	AllowHTTP bool
	// Allow are networks that may be reached though they are not public.
	Allow []netip.Prefix
	// Transport replaces the way out, and with it the check of addresses after names
	// are resolved. It is for a proxy that checks by itself, and for tests.
	Transport http.RoundTripper
}

// errTarget says that an address may not be reached.
var errTarget = errors.New("WB_TARGET_REFUSED")

const maxDest = 2048

// check tells whether a URL may be a destination. Names are checked again when they
// are resolved.
func (t Targets) check(dest string) error {
	if len(dest) > maxDest {
		return fmt.Errorf("%w: the URL is too long", errTarget)
	}
	u, err := url.Parse(dest)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return fmt.Errorf("%w: dest is no absolute URL", errTarget)
	case u.Scheme != "https" && (u.Scheme != "http" || !t.AllowHTTP):
		return fmt.Errorf("%w: dest is not https", errTarget)
	case u.User != nil:
		return fmt.Errorf("%w: dest holds a password", errTarget)
	case u.Fragment != "":
		return fmt.Errorf("%w: dest has a fragment", errTarget)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return t.checkAddr(addr)
	}
	return nil
}

func (t Targets) checkAddr(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	for _, p := range t.Allow {
		if p.Contains(a) {
			return nil
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || reserved(a) {
		return fmt.Errorf("%w: dest is not on a public network", errTarget)
	}
	return nil
}

// reserved tells networks that no public host has, though they look like it, and
// those that carry an IPv4 address inside. Source: IANA's registries of special
// purpose addresses (RFC 6890).
func reserved(a netip.Addr) bool {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fec0::/10",
	} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// client makes the client that webhooks are called with. It follows no redirects
// and uses no proxy, and it checks each address that it connects to, after its name
// was resolved.
func (t Targets) client(timeout time.Duration) *http.Client {
	transport := t.Transport
	if transport == nil {
		dialer := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %w", errTarget, err)
			}
			return t.checkAddr(ap.Addr())
		}}
		transport = &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: timeout,
			ResponseHeaderTimeout: timeout, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 1, MaxIdleConns: 256,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
