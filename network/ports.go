package network

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Free ports are looked for below the ephemeral range of Linux (32768 up): a port
// of that range may serve some outgoing connection when the network starts again.
const (
	firstFreePort = 20000
	lastFreePort  = 31999
)

const loopback = "127.0.0.1"

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// choosePorts gives each endpoint its port of the topology, or a free one.
func choosePorts(t *Topology) (map[string]int, error) {
	ports := map[string]int{}
	used := map[int]bool{}
	for key, port := range t.Ports {
		if port != 0 {
			ports[key], used[port] = port, true
		}
	}
	span := lastFreePort - firstFreePort + 1
	next := rand.IntN(span) //nolint:gosec // a starting point, not a secret
	tried := 0
	for _, e := range t.endpoints() {
		for ports[e.key()] == 0 {
			if tried++; tried > span {
				return nil, fmt.Errorf("%w: no free port between %d and %d for %s", ErrPortTaken, firstFreePort, lastFreePort, e.key())
			}
			port := firstFreePort + next
			next = (next + 1) % span
			if used[port] || portFree(port) != nil {
				continue
			}
			ports[e.key()], used[port] = port, true
		}
	}
	return ports, nil
}

func portFree(port int) error {
	l, err := net.Listen("tcp", address(port)) //nolint:noctx // bind and close, nothing to wait for
	if err != nil {
		return err
	}
	return l.Close()
}

// checkPorts fails with ErrPortTaken, naming every port that another program holds and whose it is.
func checkPorts(t *Topology, ports map[string]int) error {
	var faults []error
	for _, e := range t.endpoints() {
		if e.external {
			continue
		}
		port := ports[e.key()]
		switch err := portFree(port); {
		case err == nil:
		case errors.Is(err, syscall.EADDRINUSE):
			faults = append(faults, fmt.Errorf("%w: port %d, which %s needs to %s, is held by another program", ErrPortTaken, port, e.process, purpose(e.name)))
		default:
			faults = append(faults, fmt.Errorf("%w: port %d of %s: %w", ErrPortTaken, port, e.process, err))
		}
	}
	return errors.Join(faults...)
}

func purpose(name string) string {
	switch name {
	case "admin":
		return "take administration requests"
	case "chaincode":
		return "listen for chaincode"
	case "operations":
		return "serve health and metrics"
	default:
		return "listen"
	}
}
