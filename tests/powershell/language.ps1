# What PowerShell's own parser sees in scripts, as JSON: commands with their parameters, the lists
# $Allowed, $Writes, $Forms, $Words and $Probe, and everything that Windows PowerShell 2.0 (or the .NET 2.0 below it) does not have.
param([string] $ListOfPaths)

$newTokens = @{
    Iin = '-in'; Cin = '-cin'; Inotin = '-notin'; Cnotin = '-cnotin'; Shl = '-shl'; Shr = '-shr'
    QuestionQuestion = '??'; QuestionQuestionEquals = '??='; QuestionDot = '?.'; QuestionLBracket = '?['
    AndAnd = '&&'; OrOr = '||'; QuestionMark = 'ternary'; Class = 'class'; Enum = 'enum'
    Using = 'using'; Workflow = 'workflow'; Configuration = 'configuration'; Clean = 'clean'
}
$newTypes = 'ordered', 'pscustomobject', 'pscredential', 'securestring', 'semver', 'ciminstance',
    'bigint', 'mailaddress', 'cimsession', 'Management.Automation.PSSerializer', 'IO.Compression.ZipFile',
    'IO.Compression.ZipArchive', 'Threading.Tasks.Task', 'Lazy', 'Tuple', 'Net.Http.HttpClient',
    'Collections.Concurrent.ConcurrentQueue', 'Numerics.BigInteger'
$newVariables = 'PSItem', 'PSCommandPath', 'PSScriptRoot', 'IsLinux', 'IsWindows', 'IsMacOS', 'PSEdition'
$newMembers = 'ForEach', 'Where', 'IsNullOrWhiteSpace', 'CopyTo', 'HasFlag', 'EnumerateFiles',
    'EnumerateDirectories', 'ReadLines', 'Restart', 'InvokeAsync', 'StopAsync', 'GetAwaiter', 'AddScript'
$newStreams = 'Warning', 'Verbose', 'Debug', 'Information', 'All'

function Get-Finding($Ast, [string] $What) {
    @{ line = $Ast.Extent.StartLineNumber; what = $What; text = $Ast.Extent.Text.Split("`n")[0] }
}

function Get-Syntax($Ast) {
    switch ($Ast) {
        { $_ -is [System.Management.Automation.Language.TypeExpressionAst] -or
            $_ -is [System.Management.Automation.Language.TypeConstraintAst] } {
            if (($_.TypeName.FullName -replace '^System\.') -in $newTypes) {
                Get-Finding $_ "[$($_.TypeName.FullName.ToLower())]"
            }
        }
        { $_ -is [System.Management.Automation.Language.MemberExpressionAst] } {
            $name = "$($_.Member.Extent.Text)"
            if ($_.Static -and $name -eq 'new') { Get-Finding $_ '::new' }
            if ($name -in $newMembers) { Get-Finding $_ ".$name" }
            if ($_.Member -isnot [System.Management.Automation.Language.StringConstantExpressionAst]) {
                Get-Finding $_ 'a member whose name is not in the text'
            }
        }
        { $_ -is [System.Management.Automation.Language.VariableExpressionAst] } {
            if ($_.VariablePath.UserPath -in $newVariables) { Get-Finding $_ "`$$($_.VariablePath.UserPath)" }
        }
        { $_ -is [System.Management.Automation.Language.UsingExpressionAst] } { Get-Finding $_ '$using:' }
        { $_ -is [System.Management.Automation.Language.RedirectionAst] } {
            if ("$($_.FromStream)" -in $newStreams) { Get-Finding $_ 'redirection of a newer stream' }
        }
        { $_ -is [System.Management.Automation.Language.CommandAst] } {
            $filter = $_.GetCommandName() -in 'Where-Object', 'ForEach-Object', '?', '%', 'where', 'foreach'
            $first = $_.CommandElements | Select-Object -Skip 1 -First 1
            $block = $first -is [System.Management.Automation.Language.ScriptBlockExpressionAst]
            if ($filter -and -not $block) { Get-Finding $_ 'a filter without a script block' }
            $called = $_.CommandElements[0]
            if (-not $_.GetCommandName() -and
                $called -isnot [System.Management.Automation.Language.ScriptBlockExpressionAst]) {
                Get-Finding $_ 'a command whose name is not in the text'
            }
        }
    }
}

# Keys of each hashtable that the script gives to a variable, with those set one by one.
function Get-Splat($Tree, [string] $Name) {
    $Tree.FindAll({ $args[0] -is [System.Management.Automation.Language.AssignmentStatementAst] }, $true) |
        ForEach-Object {
            if ($_.Left.Extent.Text -eq "`$$Name") {
                $_.Right.FindAll({ $args[0] -is [System.Management.Automation.Language.HashtableAst] }, $true) |
                    ForEach-Object { $_.KeyValuePairs | ForEach-Object { $_.Item1.Extent.Text.Trim("'") } }
            } elseif ($_.Left.Extent.Text -match "^\`$$Name(?:\.(\w+)|\['(\w+)'\])$") {
                $Matches[1] ?? $Matches[2]
            }
        }
}

function Get-CommandUse($Tree, $Command) {
    $parameters = @(foreach ($element in $Command.CommandElements) {
            if ($element -is [System.Management.Automation.Language.CommandParameterAst]) {
                $element.ParameterName
            } elseif ($element.Splatted) { Get-Splat $Tree $element.VariablePath.UserPath }
        })
    @{ line = $Command.Extent.StartLineNumber; name = $Command.GetCommandName(); parameters = $parameters }
}

$all = foreach ($path in [IO.File]::ReadAllLines($ListOfPaths)) {
    $tokens = $errors = $null
    $tree = [System.Management.Automation.Language.Parser]::ParseFile($path, [ref] $tokens, [ref] $errors)
    $findings = @($errors | ForEach-Object { @{ line = $_.Extent.StartLineNumber; what = 'error'; text = $_.Message } })
    $findings += @($tokens | Where-Object { $newTokens.ContainsKey("$($_.Kind)") } | ForEach-Object {
            Get-Finding $_ $newTokens["$($_.Kind)"] })
    $findings += @($tree.FindAll({ $true }, $true) | ForEach-Object { Get-Syntax $_ })
    $kind = { param($type) $tree.FindAll({ $args[0] -is $type }.GetNewClosure(), $true) }
    $list = { param($name)
        & $kind ([System.Management.Automation.Language.AssignmentStatementAst]) |
            Where-Object { $_.Left.Extent.Text -eq $name } |
            ForEach-Object { $_.Right.Expression.SafeGetValue() } }
    $functions = @(& $kind ([System.Management.Automation.Language.FunctionDefinitionAst]))
    @{
        findings = $findings
        commands = @(& $kind ([System.Management.Automation.Language.CommandAst]) | ForEach-Object {
                Get-CommandUse $tree $_ })
        functions = @($functions | ForEach-Object { $_.Name })
        bodies = @($functions | ForEach-Object { $_.Extent.Text })
        texts = @(& $kind ([System.Management.Automation.Language.StringConstantExpressionAst]) |
                ForEach-Object { $_.Value })
        allowed = & $list '$Allowed'
        writes = & $list '$Writes'
        forms = & $list '$Forms'
        words = & $list '$Words'
        probe = & $list '$Probe'
    }
}
ConvertTo-Json -InputObject @($all) -Depth 6 -Compress
