package classify

// word is an entry of the lexicon.
type word struct {
	sense sense
	texts []string // as in [Rule.Contains], without asterisks
}

// lexicon has the words by which limits and refusals are known in the languages of
// the servers: English, French, German, Spanish, Italian, Portuguese, Polish, Dutch,
// Russian, Chinese and Japanese, and for the commonest meanings Czech, Ukrainian,
// Korean, Turkish, Hungarian, Romanian and the languages of the North. Most are stems. Texts are compared without accents.
var lexicon = []word{
	{senseTooMany, []string{
		" too many", " too much", " excessive", " trop de", " trop d ", "zu viele", "zuviele", " zu viel ", "demasiad", " troppi", " troppe", " muitas ",
		" muitos ", "zbyt wiele", "zbyt duzo", " te veel", " too high", "zu hoch", "troppo alt", "demasiado alt", "trop eleve", "过高", "слишком высок", "слишком много", "过多", "太多", "多すぎ",
		"prilis mnoho", "prilis vysok", "너무 많", " cok fazla", " for manga ", " for mange ", " liian mon", " tul sok ", " prea mult", "забагато", "занадто багато",
	}},
	{senseExceed, []string{
		"exceed", " exced", " more than", " over the limit", " over limit", " over size", " overlimit", " over its limit", " beyond", " above", "depass",
		"uberschritten", "ueberschritten", "uberschreit", "excede", "excedi", "superado", "superar", "sobrepas", "superat", "ultrapass", "przekrocz",
		"overschreden", "превыш", "超过", "超出", "超過", "超え",
		" out of allow", "prekroc", "초과", " asildi", " overskrid", "tullep", "перевищ",
	}},
	{senseCap, []string{
		"limit", " maximum", " max ", " at most ", "quota", " kontingent", "concurrency", " massim", " maxim", "hochst", "hoechst", "лимит",
		"огранич", "квот", "限制", "上限", "制限", "配额", " allowance", " cap ", " threshold", " slots", " ceiling", " allotment", " no more than", "最多", "最大",
		"한도", "제한", "обмежен", "ліміт",
	}},
	{senseOnly, []string{
		" only ", " most ", " up to ", " than ", " allowed", " over ", " nur ", " solo ", " seulement", " bis zu ", " apenas ", " tylko ", "только", "仅", "只能", " soltanto", " slechts",
	}},
	{senseSecond, []string{" second", " sec ", " secs ", " seconde", " sekund", " segundo", " secondi", "секунд", "秒"}},
	{senseMinute, []string{" minut", " min ", " mins ", "минут", "分钟", "分鐘", "分間", " dakika", "분당"}},
	{senseHour, []string{
		" hour", " per hr", " hr ", " heure", "lheure", " hora ", " horas ", "stund", "stuendlich", " ora ", " ore ", "allora", " orari", "godzin", " uur ",
		" час", "小时", "小時", "時間",
		"hodin", "시간", " saat ", " saatte", " timme", "годин", "orank",
	}},
	{senseDay, []string{
		" daily", " day ", " days ", " today", " 24h", "jour", "quotidien", " tag ", " tage ", " tages", "taglich", "taeglich", " dia ", " diari", "giorn",
		" dzien", "dobow", " dobe ", " dag ", "dagelijks", " день", " дня ", "суточ", "сутк", "сегодня", "一天", "每天", "每日", "当日", "今天", "今日", "1日", "1天",
		" denni", "일일", "하루", "오늘", " gunluk", " dygn", " daglig", " napi ", "добов", "сьогодні",
	}},
	{senseMonth, []string{" month", " week", " monat", " woche", " mois ", "mensuel", " mensual", " mensile", " miesi", "месяц", "每月", "本月"}},
	{senseAWhile, []string{
		"short time", "short period", "time period", "period of time", " time window", " timeframe", " time frame", " interval",
		"unit time", "time unit", "per time", "given time", "amount of time", "kurzer zeit", "zeitraum", "peu de temps", "poco tiempo", "короткое время", "短时间", "短期間", " recently", " period",
	}},
	{senseAtOnce, []string{
		"concurren", "simultan", " parallel", " at once", " at a time", "at the same time", "at one time", "gleichzeit", "contemporane",
		"jednoczesn", "rownoczesn", "gelijktijdig", "одновремен", "параллел", "并发", "同时", "同時",
		"soucasn", "soubezn", "동시", " es zamanli", " samtidig", "samanaikai", "egyideju", "одночасн",
	}},
	{senseSession, []string{
		" session", " connection", " smtp", " tcp", "connexion", "verbindung", "sitzung", "conexion", " sesion", "connessione", "sessione", "conexao", "sessao", "polaczenie", "sesje", "сесси", "соединени", "连接", "会话", "接続",
	}},
	{senseEachMessage, []string{
		"per message", "per mail ", "per email", "per transaction", "per envelope", "per letter", "par message", "pro nachricht", "pro mail", "por mensaje", "per messaggio", "por mensagem",
		"in one message", " one message", "single message", "each message", "na wiadomosc", "на письмо", "в одном письме", "в письме", "每封", "単一メッセージ",
	}},
	{sensePer, []string{" per ", " each ", " every ", " par ", " pro ", " por ", " na ", " за ", " на ", "每"}},
	{senseEach, []string{" this ", " one ", " same ", " single ", " in a ", " for session", " for the session", " for connection", " cette ", " diese", " esta ", " questa ", " desta ", "одно", "单次"}},
	{senseToo, []string{" too ", " trop ", " zu ", "demasiado", " troppo", " muito", " zbyt", "слишком", "太", "过于", "すぎ"}},
	{senseEachSource, []string{
		"per ip", "from ip", "your ip", "this ip", " per client", " per host", " per user", " per sender", " per account", " per domain", " per source",
		"from your", "from this", " par ip", " pro ip", " por ip", "с вашего ip", "вашего ip", "с одного ip", "每个ip",
	}},
	{sensePace, []string{
		" rate", " volume", "frequen", " new connection", " new tls", " new session", " attempts", " speed", "vitesse", "cadence", " debit ", "velocidad", "velocita", "velocidade", "geschwindigkeit", "predkosc", "czestotliw",
		"скорост", "частот", "频率", "頻率", "速度", "速率", "頻度", "レート",
	}},
	{senseNew, []string{" new ", " neue", " nouvel", " nuev", " nuov", " nova", " nowych", " nieuwe", "новых", "新建", "新しい"}},
	{senseTooFast, []string{
		"too fast", "too quickly", "too rapidly", "too often", "too frequent", "throttl", "slow down", "slowdown", "please slow", " slow your", " slow the", " slower", " slowly", "flood", "rate limit",
		"ratelimit", "rate control", "limit rate", "rate exceed", "rate too high", "rate is too high", "trop vite", "trop rapid", "trop souvent",
		"ralentir", "ralentissez", "zu schnell", "zu haufig", "zu haeufig", "zu oft", "langsamer", "demasiado rapido", "mas despacio",
		"troppo veloc", "troppo frequent", "troppo rapid", "rallenta", "muito rapid", "devagar", "zbyt szybko", "zbyt czesto", "te snel", "слишком част", "слишком быстро",
		"помедлен", "频繁", "過於頻繁", "过快", "太快", "速すぎ", "頻繁", "pacing",
	}},
	{senseConnection, []string{
		"connection", "connexion", "conexion", "conexao", "conexoes", "verbindung", "connession", "polacze", "verbinding", "соединени", "подключени", "连接", "連接",
		"接続", " socket", " thread", " reconnect", " connect", " sessions", " session limit", " session count", "sitzungen", "sesiones", "sessoes", "sessioni", "sesji", "сессий", "会话",
		" spojeni", " pripojeni", "연결", "접속", " baglanti", "anslutning", "forbindelse", "tilkobling", " yhtey", "kapcsolat", "підключен",
	}},
	{senseMessage, []string{
		" messag", " msgs", " mail ", " mails ", " mailing", " email", " letters", " deliver", " transactions", " submissions", "nachrichten", "courriel", " courrier", "mensaje", "correos",
		"mensagen", "messaggi", " messaggio", "wiadomosc", " berichten", "сообщени", " писем", " письм", "邮件", "郵件", "信件", "メール", " transfer", " envelopes", " sms ", " invio ", " invii ",
		" zprav", "메일", "메시지", " ileti ", " iletiler", "meddeland", " uzenet", "повідомлен",
	}},
	{senseRecipient, []string{
		" recipient", " rcpt", "destinat", "empfanger", "empfaenger", "odbiorc", "ontvanger", "получател", "адресат", "收件人", "收信人", "宛先", "受信者", " to addresses", " bcc", " envelope to", "addressees",
		"prijemc", "수신자", "받는 사람", " alici ", " alicilar", "mottagar", "modtager", "mottaker", "отримувач", "одержувач",
	}},
	{senseRequest, []string{" request", " requetes", " anfragen", " peticiones", " solicitudes", " richieste", " requisicoes", "запрос", "请求", " queries", " api calls", " operations"}},
	{senseLogin, []string{
		"authent", "autent", " auth ", " login", " logon", " log in", " logged in", " sign in", "credential", "password", "kennwort", "passwort", "anmeld", "mot de passe", "contrasena", " senha ",
		"identifi", "uwierzyteln", "logowan", "haslo", "аутентификац", "авториза", "пароль", "认证", "认証", "認證", "認証", "驗證", "身份验证", "密码", "密碼", "パスワード", "ログイン", "oauth",
		" prihlas", " heslo", "인증", "로그인", "비밀번호", "kimlik dogrulama", "inloggning", "autentiser", "автентифік",
	}},
	{senseOctets, []string{" bytes", " octets", " kb ", " mb ", " gb ", " megabyte", " kilobyte", " kib ", " mib ", " octects", " traffic", " mbytes", " kbytes"}},
	{senseVolume, []string{" data volume", " accumulated", "message size quota", " volume of data", " amount of data", " much data", " many bytes", " many octets", " data transfer", " data rate", " bandwidth", " throughput", " datenvolumen", " datenmenge", " volume de donnees"}},
	{senseSending, []string{
		"outgoing", "outbound", " queue quota", " sending", " send ", " sends ", " sent ", "submission", " submit", " relay limit", " relay quota", " smtp relay", "messaging limit", " envoy", " envoi", " envio", " enviad", " enviar",
		" invio", " inviat", " inviare", "versand", "versende", "ausgehend", "gesendet", " senden", "wysyla", "wyslan", "wychodz", "verzend", "verzonden", "отправ", "исходящ", "рассыл", "发送", "發送", "发信", "发件", "外发", "送信", " mailing",
		"odeslan", "odchoz", "odesil", "발송", "보낼", " gonder", "skicka", "utgaende", "відправл", "вихідн", "надсила", "надісла",
	}},
	{senseReceiving, []string{" receiv", " recoit ", " recept", "empfangen", "recib", "recevoir", " ricev", " receb", "接收", "受信"}},
	{senseAccount, []string{
		"your account", "per user", "per account", "submission", "this account", "smtp account", "sending account", "your plan", "your package", "your subscription",
		"smtp user", "authenticated user", "user has exceeded", "outgoing", " your limit", "your quota", "your sending", "your daily", "your hourly", "your monthly", "votre compte", "ihr konto", "ihres konto", "su cuenta", "tu cuenta", "tuo account", "sua conta",
		"twoje konto", "ваш аккаунт", "вашего аккаунта", "您的帐", "您的账", "tenant", " credits", "for user", " this user", "for your account", "customer", "user sending", "per login", "for account",
		"account has", "account exceed", " relay limit", "limit for user", "your messaging", "you have exceeded", "you have reached", "youve reached", "youve exceeded", "you reached", "you exceeded", "отправку с вашего",
	}},
	{senseSender, []string{
		"per sender", "for sender", "this sender", "for this sender", "from this sender", "by sender", "one sender", "same sender", "sender has", "sender address",
		"sender exceed", " from address", "mail from address", "par expediteur", "pro absender", "por remitente", "per mittente", "отправител", "发件人", "發件人", "寄件人", "差出人", "sender rate", "sender limit", "for the sender", "from sender", "senders limit",
	}},
	{senseClient, []string{
		" ip ", " ips ", "ip address", " ipv4", " ipv6", "client host", "your host", "your server", "this host", "remote host", "your network", "this network", " netblock", " subnet",
		"your mail server", "your mailserver", "sending mta", "sending server", "sending host", "connecting host", "adresse ip", "ip地址", "ip адрес", "indirizzo ip", "direccion ip", "endereco ip", "的ip", "本ip", "该ip", "此ip", "client address", " your isp",
	}},
	{senseMistake, []string{
		" invalid", " unknown", " bad ", " error", " wrong", " failed", " fail ", " failure", " unrecogni", " nonexist", " non exist", " unauthenticated", " junk", " unsolicited", " spam", " complaint", " bounce",
		" nonmail", " non mail", " unimplemented", " syntax", " illegal", " rejected recip", " noop", " rset", " undeliverable", " unverified", " connection errors", " protocol", " unwanted", " spoof", " virus", " malware",
	}},
	{senseTimeout, []string{" time limit", "timeout", "timed out", "time out", " idle", " inactivity", " expired"}},
	{senseOther, []string{
		" hops", " hop ", " received header", " header", " attachment", " lines", " line ", " dns lookups", " redirect", " long ", " links", " urls", " nesting", " mime parts", " time ", " by recipient", " by the recipient",
	}},
	{senseUser, []string{
		" user", " mailbox", " mail box", " recipient", " account", " address", " inbox", " alias", " local part", " utilisateur", " lutilisateur", "destinataire", " boite", " compte ", "usuario", "destinatari", " casilla", " cuenta", " buzon",
		" conta ", " caixa", "benutzer", "empfanger", "empfaenger", "postfach", " konto", " adress", " direccion", " endereco", " indirizzo", " utente", " casella", "skrzynk", " skrzyn", "uzytkownik", "odbiorc", " adres",
		"gebruiker", "ontvanger", "пользовател", "учетная запись", "аккаунт", "ящик", "получател", "адрес", "用户", "用戶", "收件人", "收信人", "邮箱", "郵箱", "信箱", "帐号", "账号", "帐户", "账户", "ユーザ", "宛先", "メールボックス", "アドレス", "受信者", " rcpt", " person ", " member ", " customer", " employee", " username", " postbox", " teilnehmer", "correo no",
		"uzivatel", "schrank", "prijemc", "사용자", "메일함", "수신자", "계정", "kullanici", "posta kutusu", " alici ", "anvandar", "mottagar", "brevlad", "bruger", "bruker", "modtager", "mottaker", "kayttaja", "vastaanottaj", "felhasznalo", "postafiok", "cimzett", "користувач", "скриньк", "отримувач", "одержувач",
	}},
	{senseAbsent, []string{
		" unknown", " unknwn", "not exist", "nt exist", "not found", "no such", " invalid", "nonexist", "non exist", " inconnu", "nexiste", " existe pas", "existiert nicht", "nicht gefunden", "nicht vorhanden", "unbekannt", "ungultig", "ungueltig",
		"desconocid", "no existe", "inexist", "no encontrad", "no se encuentra", "nao existe", "nao encontrad", "desconhecid", "sconosciut", "non esiste", "non trovat", "inesistent", "nieznan", "nie istnieje", "nie ma ", "nieprawid",
		"не существует", "не найден", "неизвест", "нет такого", "неверный адрес", "недействит", "не зарегистр", "отсутствует", "不存在", "无效", "無效", "未找到", "查无", "查無", "找不到", "存在しない", "存在しません", "見つかりません", "不明", "無効", "onbekend", "bestaat niet", "niet bekend",
		" misspel", " mistyp", " misspelt", "not recogni", "not known", "doesnt have", "not have", " no user", "not listed", "not registered", "isnt valid", "not valid", "not a valid", "undeliverable", "unroutable", "unrouteable", "unreachable",
		"cannot find", "could not find", "couldnt find", "cant find", "not present", "not be found", "no longer", "doesnt exist", "not defined", "not in our", "nobody", "never existed", "no account", "no mailbox", "not here", "no recipient", "not a user", "isnt here", "not our", "not local", "non valid", " ontbreekt",
		"neexist", "nenalezen", "nebyl nalezen", " neznam", "존재하지", "없는", "없습니다", "찾을 수 없", "bulunamad", "gecersiz", "bilinmeyen", "finns inte", "findes ikke", "finnes ikke", " ukendt", " ukjent", " ei ole ", "ei loydy", "tuntematon", "nem letez", "ismeretlen", " nu exista", "necunoscut", "не існу", "не знайден", "невідом",
	}},
	{senseDisabled, []string{
		"disabled", "inactiv", "inactif", "suspend", "deactiv", " expired", " closed", " locked", " frozen", "terminated", "cancelled", "canceled", "abandon", " dormant", " retired", "desactiv", "suspens", "sospes", "disattiv", "scadut", "expirad", "expirado", "caducad",
		"deshabilit", "inhabilit", "bloquead", " bloquee", "desativ", "gesperrt", "deaktiv", "stillgelegt", "geloscht", "geloescht", "zablokowan", "nieaktywn", "wylaczon", "zawieszon", "отключен", "заблокирован", "неактив", "приостановлен", "удален", "удалён", "停用", "禁用", "冻结", "凍結", "锁定", "注销", "休止", "停止",
		"not active", "no longer active", "non active", "falta de uso", " unused", "not in use", "blocked for", "not allowed to receive", "cannot receive", "expirada", "ha expirado", "abgelaufen", "geschlossen", "chiuso", "chiusa", "fermé", "fermee", " supprim", "removed", "deleted", "eliminad", "on hold", "not accepting", "quarantined account", "discontinued",
		"휴면", "비활성", "정지", "devre disi", "deaktivov", " zrusen", "pozastaven", "вимкнен", "заблокован", "avstangd",
	}},
	{senseFull, []string{
		" full", "over quota", "overquota", "quota", " exhaust", " pleine", " plein ", " lleno", " llena", " pien", " chei", "uberfullt", "ueberfuellt", " voll", " pelna", " pelny", "przepeln", " pelne", "переполн", "满", "滿", "いっぱい", "容量", "超過", "not enough", "enough space", "enough room", "enough disk", "enough storage", "out of space", "no space", "insufficient", "saturat",
		"esaurit", "agotad", "esgotad", "storage", " vol ", " llen", "sature", "out of disk", "exceeds allowed space", "no room", "lack of space",
		" plna ", " plny ", "가득", "용량", " dolu ", "megtelt", " plina ", " fuld ", "taynna", "переповнен",
	}},
	{senseSpace, []string{" disk", " storage", " space", "speicher", "despace", " espace", " espacio", " spazio", " espaco", " miejsc", "места", "空间", "空間", "容量", " inode", " filesystem", " plattenplatz"}},
	{senseBlocked, []string{
		" block", " banned", " ban ", " bann", "blacklist", "blocklist", "denylist", "blackhol", " listed", " barred", " abus", "suspicious", "untrusted", "malicious", "compromised", "gesperrt", "gebannt", "bloque", "bloccat", "blokad", "zablokowan", "заблокирован", "блокир",
		"черн", "封禁", "封鎖", "屏蔽", "黑名单", "黑名單", "ブロック", "spammer", "spam source", " zombie", "bad karma", " reputation", " penalty", " quarantin", "geblokkeerd", "lista negra", "liste noire", "schwarze liste", "data base list", " rbl", " dnsbl", " prohibited from", "unwelcome", "not welcome", " infected",
		" black ", "차단", "engellen", "kara liste", "zablokov", "blokova",
	}},
	{senseRefused, []string{
		" reject", " refus", " denied", " denies", " deny", "not allowed", "not permitted", "prohibit", "forbidden", " interdit", "rechazad", "rechazo", " rejete", "abgelehnt", "abgewiesen", "verweigert", "rifiutat", "respint", "odrzucon", "odmow", "recusad", "rejeitad", "geweigerd", "отклонен", "отказ", "запрещ", "отвергнут",
		"拒绝", "拒絕", "拒否", "prohibid", "not accept", " declin", "nicht erlaubt", "nicht akzeptiert", "no permit", "non permess", "non autorise", "no autoriza", "non autorizz", "nao autoriza", "not authori", "unauthori", " disallow", "wont accept", "unacceptable", "restrict",
		"odmitnut", "zamitnut", "zakazan", "거부", "거절", "허용되지", "reddedil", "avvisad", " afvist", " avvist", "hylatty", "elutasit", "visszautasit", "відхилен", "заборонен",
	}},
	{senseSpam, []string{"spam", "unsolicited", " junk", " ube ", " uce ", " bulk", "мусор", "спам", "垃圾", "迷惑メール", "スパム", "pourriel", "phish", " scam", "indesirable", "no deseado", "indesiderat", "niechcian", " dcc ", " razor", " pyzor", " bayes", "commercial e", "massenmail", " werbung", "non sollicit", "no solicitad", "nao solicitad", "垃圾邮件", "스팸", "roskaposti", "skrappost", "soppelpost"}},
	{senseContent, []string{" content", " message", " body", " url", " link", " subject", " text", " keyword", " word", "敏感", "内容", "內容", "主题", "主題", "inhalt", "contenu", "contenid", "contenut", "conteud", "tresc", "содерж", " mail ", " email", "邮件", "письм", "mensaje", "mensagem", "messaggio", "nachricht", "wiadomosc"}},
	{senseRelay, []string{" relay", " relai", "relaying", "пересыл", "релей", "ретрансляц", "转发", "轉寄", "中継", "retransmi", "inoltr", "weiterleit", "przekazyw"}},
	{senseTLS, []string{"starttls", " tls", " ssl", "encrypt", "verschlussel", "verschluessel", "chiffr", "cifrad", "crittograf", "criptograf", "szyfrow", "шифров", "加密", "暗号", "certificate"}},
	{senseNames, []string{" ptr", " reverse", " rdns", " helo", " ehlo", " fqdn", "hostname", "dns inverse", "dns invers", "forward confirm", "обратн", "反向", "逆引き"}},
	{senseProof, []string{" spf", " dkim", " dmarc", "domainkeys", "senderid"}},
	{senseDomain, []string{" domain", " domaine", "dominio", "domeny", "domena", "домен", "域名", "ドメイン", " domane"}},
	{senseBusy, []string{
		" busy", "overload", " load", "resource", "uberlast", "ueberlast", "ausgelastet", "occupe", "surcharg", "ocupad", "sobrecarg", "sovraccar", "przeciaz", " zajet", "overbelast", "перегруж", "занят", "繁忙", "忙", "混雑", "busy", "maintenance", "wartung", "mantenimiento", "manutenzione", "manutencao", "обслуживан", "维护", "メンテナンス", "capacity",
	}},
	{senseLater, []string{
		"try again", " later", "temporar", " tempor", "plus tard", "reessay", "mas tarde", "intente", "piu tardi", "riprov", "mais tarde", "tente novamente", "spater", "spaeter", "voruberg", "voruebergeh", "zeitweil", "erneut", "pozniej", "tymczas", "ponownie", "later opnieuw", "tijdelijk",
		"позже", "попоз", "попробуйте", "повторите", "временн", "稍后", "稍後", "稍候", "临时", "暂时", "暫時", "重试", "後で", "しばらく", "一時", "再度", " retry", " defer", " momentan", " at this time",
		"pozdeji", "docasn", " zkuste", "나중에", "잠시", "일시", "daha sonra", "tekrar deneyin", " gecici", " senare", " senere", "tillfallig", "midlertidig", "myohemmin", "kesobb", "mai tarziu", "пізніше", "спробуйте", "тимчасов",
	}},
	{senseLarge, []string{" large", " size", " length", " big ", " volumineu", " grande", " tamano", " tamanho", "dimension", " taille", " zu gro", " grosse", " duz", "rozmiar", "размер", "большо", "велик", "过大", "太大", "大小", "大きすぎ", "サイズ", " groot", " heavy", " lourd", " pesad"}},
	{senseGrey, []string{"greylist", "greygelist", "graylist", "grey list", "gray list", "liste grise", "lista gris", "lista grigia", "lista cinza", "graue liste", "szara list", "szarej list", "серый список", "грейлист", "грейлистинг", "серых списк", "灰名单", "灰名單", "グレイリスト", "グレーリスト", "그레이리스트"}},
	{senseFault, []string{" error", " failure", " fehler", " erreur", " errore", " erro ", " blad ", "ошибк", "сбой", "错误", "錯誤", "故障", "エラー", "障害", " fout ", " problem", " panne", " guast", " failed", " crash", " unable", " cannot ", "could not", " couldnt", " cant "}},
	{senseMissing, []string{" require", " debe ", " doit ", " devez", " muss", " devi ", " deve ", "должны", "следует", " needed", " need ", " must", "necessary", "erforderlich", "benotigt", "notwendig", "requis", "necessaire", "obligatoire", "requerid", "necesari", "richiest", "necessari", "obrigatori", "wymagan", "требуется", "необходим", "нужна", "需要", "必须", "必要", " first ", "nodig", "vereist", " missing", " fehlt"}},
	{senseReached, []string{
		" reached", " hit ", " used up", " exhausted", " erreicht", " atteint", "alcanzad", "raggiunt", "atingid", "osiagn", "достигнут", "досягнут", "исчерпан", "вичерпан", " bereikt", "達しま", "达到", "達到", "已满", "用完", "도달",
	}},
	{senseParts, []string{
		" attachment", " attached", " macro", " html", " keyword", " words", " subject", " file type", " file name", " filename", " file ", " extension", " archive", " content", "url", " hyperlink", " phone number", " mime",
		" anhang", "dateianhang", "piece jointe", "pieces jointes", "adjunt", "allegat", " anexo", "zalacznik", "вложени", "附件", "添付", "첨부", " priloh", " bijlage", "敏感", "违禁", "inhalt", "contenu ", "contenido", "contenuto", "conteudo", "tresc ", "содержим", "内容",
	}},
}
