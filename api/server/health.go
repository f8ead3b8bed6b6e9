package server

import healthpb "google.golang.org/grpc/health/grpc_health_v1"

// SetServing says of a service by its full name, or of the whole server by the empty one, whether it
// works. Services are taken to work until said otherwise; other names may be added.
func (s *Server) SetServing(service string, serving bool) {
	status := healthpb.HealthCheckResponse_NOT_SERVING
	if serving {
		status = healthpb.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(service, status)
}
