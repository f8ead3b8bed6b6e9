// Package rest serves the REST binding of EPCIS 2.0 over HTTP: capture, events,
// the resources below them, named queries, and subscriptions by webhook and by
// WebSocket, as GS1's OpenAPI document (EPCIS 2.0.0) describes them.
//
// It owns paths, headers, content negotiation, problem documents, page tokens,
// the delivery of subscriptions, and limits on what a request may cost. What is
// captured and where events are kept is behind the interfaces Capturer, Events,
// Queries and Subscriptions, which it declares and the caller provides; TLS,
// client certificates and who may do what are the caller's, by way of
// Config.Authorize. It may import epcis, api/query and internal/idle, and no store, no ledger and
// no gateway.
package rest
