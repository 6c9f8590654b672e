<?php
// Takes letters from Wherefrom: SECRET=whsec_… php -S 127.0.0.1:8000 receiver.php
$key = base64_decode(substr(getenv('SECRET'), strlen('whsec_')));
$body = file_get_contents('php://input');
[$id, $at, $signed] = array_map(fn($name) => $_SERVER["HTTP_WEBHOOK_$name"] ?? '', ['ID', 'TIMESTAMP', 'SIGNATURE']);
$mine = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $key, true));
$good = array_filter(explode(' ', $signed), fn($one) => hash_equals($mine, $one));
if (!$good || abs(time() - (int) $at) > 300) {
    http_response_code(401);
    exit;
}
$letter = json_decode($body, true)['data']; // keep it under $id: the same id is the same letter, sent again
header('content-type: application/json');
echo json_encode(['deal_id' => 'from ' . ($letter['message']['from_address'] ?? '')]);
