// Package demo shows the whole of Waybill on one machine: a real Fabric network, one Waybill server
// an organisation, a simulated day of shipments (or the user's own documents and readings) sent
// through the public API by clients with identities of their own, and for each shipment what was
// planted in it and what the verdict says. Four scorers judge: the servers', and the assessor's,
// which runs here, as a client of the network, and lies.
//
// Nothing in it stands in for the real thing: the day takes no path into the ledger but the API, the
// rules are voted for by the organisations' own identities, and what it reports it reads from what
// the ledger holds. It owns the sending, the judging of the result against what was planted, and the
// telling. It imports clients (api, gateway), the simulator, analytics/panel, internal/founding, liar
// and stack, and network; nothing imports it but cmd and tests.
package demo
