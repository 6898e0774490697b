/* test_tls.c: what each recorded conversation tells with its key log, and without. */
{ "10-cbc-sha",
	"0301 ECDHE_ECDSA_WITH_AES_256_CBC_SHA alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0301 ECDHE_ECDSA_WITH_AES_256_CBC_SHA alpn=http/1.1"
	" established asked client=sleep\n" },
{ "10-cbc-sha-mte",
	"0301 ECDHE_ECDSA_WITH_AES_256_CBC_SHA alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0301 ECDHE_ECDSA_WITH_AES_256_CBC_SHA alpn=http/1.1"
	" established asked client=sleep\n" },
{ "11-cbc-sha",
	"0302 ECDHE_ECDSA_WITH_AES_128_CBC_SHA alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0302 ECDHE_ECDSA_WITH_AES_128_CBC_SHA alpn=http/1.1"
	" established asked client=sleep\n" },
{ "11-cbc-sha-mte",
	"0302 ECDHE_ECDSA_WITH_AES_128_CBC_SHA alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0302 ECDHE_ECDSA_WITH_AES_128_CBC_SHA alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-aes128gcm",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-aes256gcm",
	"0303 ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-aria",
	"0303 ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-camellia",
	"0303 ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-cbc-sha",
	"0303 ECDHE_ECDSA_WITH_AES_128_CBC_SHA alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_CBC_SHA alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-cbc-sha-mte",
	"0303 ECDHE_ECDSA_WITH_AES_256_CBC_SHA alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_256_CBC_SHA alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-cbc-sha256",
	"0303 ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-cbc-sha256-mte",
	"0303 ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-cbc-sha384",
	"0303 ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-cbc-sha384-mte",
	"0303 ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-ccm",
	"0303 ECDHE_ECDSA_WITH_AES_128_CCM alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_CCM alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-ccm8",
	"0303 ECDHE_ECDSA_WITH_AES_256_CCM_8 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_256_CCM_8 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-chacha",
	"0303 ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-empty",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=- | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked client=-\n" },
{ "12-large",
	"0303 ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-nocert",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established decrypted client=- | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established client=-\n" },
{ "12-refused",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1 failed asked decrypted client=-\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1 failed asked client=-\n" },
{ "12-renegotiate",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep handshakes=2 | /1 200 | /2 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established\n" },
{ "12-rsa",
	"0303 RSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0303 RSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked client=sleep\n" },
{ "12-session-id",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n"
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established resumed decrypted resumed=sleep | /3 200 | /4 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked client=sleep\n"
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established resumed resumed=sleep\n" },
{ "12-ticket",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n"
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established resumed decrypted resumed=sleep | /3 200 | /4 200\n",
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked client=sleep\n"
	"0303 ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 alpn=http/1.1"
	" established resumed resumed=sleep\n" },
{ "13-aes128gcm",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0304 AES_128_GCM_SHA256 established\n" },
{ "13-aes256gcm",
	"0304 AES_256_GCM_SHA384 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0304 AES_256_GCM_SHA384 established\n" },
{ "13-ccm",
	"0304 AES_128_CCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0304 AES_128_CCM_SHA256 established\n" },
{ "13-ccm8",
	"0304 AES_128_CCM_8_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0304 AES_128_CCM_8_SHA256 established\n" },
{ "13-chacha",
	"0304 CHACHA20_POLY1305_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0304 CHACHA20_POLY1305_SHA256 established\n" },
{ "13-early",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n"
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established resumed early decrypted resumed=sleep | /early 200 | /3 200 | /4 200\n",
	"0304 AES_128_GCM_SHA256 established\n"
	"0304 AES_128_GCM_SHA256 resumed early\n" },
{ "13-early-refused",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n"
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established early asked decrypted client=sleep | /3 200 | /4 200\n",
	"0304 AES_128_GCM_SHA256 established\n"
	"0304 AES_128_GCM_SHA256 early\n" },
{ "13-hrr",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established retry asked decrypted client=sleep | /1 200 | /2 200\n",
	"0304 AES_128_GCM_SHA256 established retry\n" },
{ "13-nocert",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established decrypted client=- | /1 200 | /2 200\n",
	"0304 AES_128_GCM_SHA256 established\n" },
{ "13-padding",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0304 AES_128_GCM_SHA256 established\n" },
{ "13-postauth",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n",
	"0304 AES_128_GCM_SHA256 established\n" },
{ "13-refused",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1 failed asked decrypted client=-\n",
	"0304 AES_128_GCM_SHA256\n" },
{ "13-resume",
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /2 200\n"
	"0304 AES_128_GCM_SHA256 alpn=http/1.1"
	" established resumed decrypted resumed=sleep | /3 200 | /4 200\n",
	"0304 AES_128_GCM_SHA256 established\n"
	"0304 AES_128_GCM_SHA256 established resumed\n" },
{ "13-update",
	"0304 AES_256_GCM_SHA384 alpn=http/1.1"
	" established asked decrypted client=sleep | /1 200 | /5 200 | /2 200\n",
	"0304 AES_256_GCM_SHA384 established\n" },
