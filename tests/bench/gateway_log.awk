# gateway_log.awk - lines as an egress gateway writes them, for the policies of ../shared/seeds (multi-host.yaml):
#     awk -v n=2000000 -f gateway_log.awk
# Istio's default text and the client's identity behind it (format of tests/bench/30-logs.sh).  Three gateway
# pods, 600 clients; three of four lines are HTTP in mTLS (8080), the rest TLS in mTLS (8443, 8444); about 94 %
# allowed and served, 5 % denied and refused (method, host, SNI or namespace), 1 % failed.  The same lines at each run.
function hex(d,    s, i) {
	for (s = ""; i < d; i++)
		s = s substr("0123456789abcdef", int(rand() * 16) + 1, 1)
	return s
}
BEGIN {
	split("curl/8.5.0|Go-http-client/1.1|python-requests/2.32.3|okhttp/4.12.0|Apache-HttpClient/4.5.14 (Java/17.0.11)", agent, "|")
	split("httpbin.org wikipedia.org", site)
	split("/headers /get /wiki/ /anything/ /image/", path)
	split("evil.example files.example paste.example", bad)
	gw = "istio-egressgateway.istio-system.svc.cluster.local"
	srand(1)
	for (i = 0; i < n; i++) {
		us += int(rand() * 400)
		s = 36000 + int(us / 1000000)
		when = sprintf("[2026-01-05T%02d:%02d:%02d.%03dZ]", s / 3600, s / 60 % 60, s % 60, us / 1000 % 1000)
		pod = int(600 * rand() * rand())
		client = sprintf("10.61.%d.%d", pod / 250, 2 + pod % 250)
		own = "10.60.0." (9 + int(rand() * 3))
		port = 32768 + int(rand() * 28000)
		at = int(rand() * 2) + 1
		host = site[at]
		deny = rand() < 0.05 ? 1 + int(rand() * 3) : 0
		space = deny == 1 ? "batch" : "default"
		if (deny == 2)
			host = bad[1 + int(rand() * 3)]
		ip = sprintf("192.0.2.%d", 10 * at + int(rand() * 8))
		ms = int(5 + 40 * rand())
		who = "spiffe://cluster.local/ns/" space "/sa/worker-" pod % 40
		fail = !deny && rand() < 0.01
		why = "rbac_access_denied_matched_policy[none]"
		if (rand() < 0.75) {
			method = deny == 3 ? "POST" : "GET"
			sni = "outbound_.80_.sidecar-to-egress-in-mTLS_." gw
			p = path[1 + int(rand() * 5)]
			if (p ~ /\/.*\//)
				p = p int(rand() * 100000)
			code = deny ? 403 : fail ? 503 : 200
			if (!deny)
				why = fail ? "upstream_reset_before_response_started{connection_failure}" : "via_upstream"
			printf "%s \"%s %s HTTP/2\" %d %s %s - \"-\" 0 %d %d %s \"-\" \"%s\" \"%s-%s-4%s-8%s-%s\" \"%s\" \"%s\" %s %s %s:8080 %s:%d %s - \"%s\"\n",
				when, method, p, code, fail ? "UF,URX" : "-", why,
				deny ? 19 : 200 + int(rand() * 20000), ms, deny || fail ? "-" : ms - 1, agent[1 + int(rand() * 5)],
				hex(8), hex(4), hex(3), hex(3), hex(12), host, deny ? "-" : ip ":80", "outbound|80||" host,
				deny || fail ? "-" : own ":" port, own, client, port + 1, sni, who
		} else {
			printf "%s \"- - -\" 0 %s - %s \"-\" %d %d %d - \"-\" \"-\" \"-\" \"-\" \"%s\" %s %s %s:%d %s:%d %s - \"%s\"\n",
				when, fail ? "UF" : "-", deny ? why : "-",
				rand() * 8000, rand() * 200000, ms * 20, deny ? "-" : ip ":443", "outbound|443||" site[at],
				deny || fail ? "-" : own ":" port, own, at == 1 ? 8444 : 8443, client, port + 1,
				(deny > 1) ? bad[1 + int(rand() * 3)] : host, who
		}
	}
}
