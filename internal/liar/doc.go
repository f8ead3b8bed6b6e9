// Package liar is a scorer that does not play fair, for demonstrations and tests. It stands between an honest scorer's
// service and the ledger: what the service does for chosen tasks is changed on its way out, and what the ledger then says
// of it is changed back on its way in, so that the service knows nothing of the lies that it tells. The rules are not
// bent: what it sends is signed and ordered as everybody's is.
//
// It may import analytics/panel, analytics/scorer, epcis, ledger and wire.
package liar
